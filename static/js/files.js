// Sends files with their progress, asks for some, and cancels either, without leaving the page: what is typed in its forms stays,
// and the live parts show what comes of it. A folder's files go with their paths, which a browser leaves out.
const form = document.querySelector('[data-files]')
const csrf = () => document.querySelector('meta[name="csrf-token"]')?.content ?? ''
const say = (text) => document.dispatchEvent(new CustomEvent('toast', { detail: { text, tone: 'bad' } }))

function post (form, body, onDone, onProgress) {
  const request = new XMLHttpRequest()
  if (onProgress) request.upload.addEventListener('progress', onProgress)
  request.addEventListener('load', () => {
    if (request.status === 204) return onDone(true)
    say(request.status === 422 ? request.responseText : `The server answered ${request.status}. Reload the page and try again.`)
    onDone(false)
  })
  request.addEventListener('abort', () => { say('Cancelled. Nothing was sent.'); onDone(false) })
  request.addEventListener('error', () => { say('The server cannot be reached. Not all was sent.'); onDone(false) })
  request.open('POST', form.action)
  request.setRequestHeader('HX-Request', 'true')
  request.setRequestHeader('X-CSRFToken', csrf())
  request.send(body)
  return request
}

form?.addEventListener('submit', (event) => {
  event.preventDefault()
  const files = form.querySelector('[name="files"]')
  const folder = form.querySelector('[data-files-folder]')
  const bar = form.querySelector('[data-files-bar]')
  const button = form.querySelector('[data-files-begin]')
  const stop = form.querySelector('[data-files-stop]')
  const words = form.querySelector('[data-files-words]')
  if (!files.files.length && !folder.files.length) return say('Choose files or a folder first')
  const body = new FormData(form)
  if (!files.files.length) body.delete('files')
  for (const file of folder.files) {
    body.append('files', file)
    body.append('paths', file.webkitRelativePath || file.name)
  }
  button.disabled = true
  const request = post(form, body, (sent) => {
    button.disabled = false
    bar.hidden = stop.hidden = words.hidden = true
    if (sent) files.value = folder.value = ''
  }, (sent) => {
    const percent = sent.lengthComputable ? Math.floor(100 * sent.loaded / sent.total) : 0
    const all = percent === 100
    bar.hidden = words.hidden = false
    stop.hidden = all // from here on the copies below can be cancelled
    bar.value = percent
    words.textContent = all ? 'All is here; it is being kept' : `${percent} % sent to the site`
  })
  stop.onclick = () => request.abort()
})

document.addEventListener('submit', (event) => {
  if (!event.target.matches('[data-files-post]')) return
  event.preventDefault()
  post(event.target, new FormData(event.target), () => {})
})
