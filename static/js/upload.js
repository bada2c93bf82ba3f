// Uploads in chunks. What the server has is where it goes on: after a reload, a lost connection, a restart.
const CHUNK = 4 * 1024 * 1024
const REST_MS = 1000
const LONGEST_REST_MS = 15000

const csrf = () => document.querySelector('meta[name="csrf-token"]').content
const rest = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

async function sent (url, file, offset) {
  const body = file.slice(offset, offset + CHUNK)
  const headers = { 'X-CSRFToken': csrf(), 'Content-Type': 'application/octet-stream' }
  const answer = await fetch(`${url}?offset=${offset}`, { method: 'POST', headers, body })
  const said = await answer.json()
  return { status: answer.status, ...said }
}

// The sentences of a form that came back
function refusal (html) {
  const page = new DOMParser().parseFromString(html, 'text/html')
  const said = [...page.querySelectorAll('form[data-upload-begin] .errorlist, form[data-upload-begin] [role="alert"], main h1')]
  return said.map((element) => element.textContent.trim()).filter((text) => text !== 'Import an image').join(' ')
}

async function upload (url, file, offset, say) {
  let wait = REST_MS
  while (offset < file.size) {
    say(`Uploading: ${Math.floor(offset * 100 / file.size)} %`)
    try {
      const said = await sent(url, file, offset)
      if (said.status !== 200 && said.status !== 409) return say(said.error)
      if (said.status === 409 && said.received === offset) return say(said.error)
      offset = said.received
      wait = REST_MS
    } catch {
      say('The connection is lost; trying again')
      await rest(wait)
      wait = Math.min(wait * 2, LONGEST_REST_MS)
    }
  }
  say('Everything is here')
}

// On the import's own page: the same file is chosen again, and goes on.
const panel = document.querySelector('[data-upload]')
if (panel) {
  const words = panel.querySelector('[data-upload-words]')
  const say = (text) => { words.textContent = text }
  const { upload: url, received, size, file: name, modified } = panel.dataset
  const begin = (file) => {
    const same = file.size === Number(size) && file.name === name && (Number(modified) === 0 || file.lastModified === Number(modified))
    if (!same) return say(`That is another file: choose ${name} as it was when the upload began`)
    upload(url, file, Number(received), say)
  }
  panel.querySelector('input[type="file"]').addEventListener('change', (event) => { if (event.target.files[0]) begin(event.target.files[0]) })
}

// On the form: the import is begun without the file, which follows in chunks before the page is left.
const form = document.querySelector('form[data-upload-begin]')
if (form) {
  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    const button = form.querySelector('button')
    const hint = form.querySelector('.form-hint')
    const say = (text) => { hint.textContent = text }
    const data = new FormData(form)
    const file = data.get('file')
    data.delete('file')
    data.set('file_name', file.name)
    data.set('size', file.size)
    data.set('file_modified', file.lastModified)
    button.disabled = true
    try {
      const answer = await fetch(form.action, { method: 'POST', body: data, headers: { 'X-CSRFToken': csrf() } })
      if (!answer.redirected) {
        say(refusal(await answer.text()))
        button.disabled = false
        return
      }
      history.replaceState(null, '', answer.url)
      await upload(`${answer.url}chunk/`, file, 0, say)
      location.reload()
    } catch {
      say('The connection is lost; try again')
      button.disabled = false
    }
  })
}
