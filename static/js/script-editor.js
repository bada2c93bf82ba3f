// The new-run page: line numbers, problems in the gutter, a file dragged in. The rehearsal itself is the
// textarea's hx-post; its answer names each problem with data-problem-line.
const LARGEST = 1024 * 1024

function startEditor (editor) {
  const area = editor.querySelector('textarea')
  const gutter = editor.querySelector('[data-editor-gutter]')
  const numbers = gutter.querySelector('pre')
  const icon = editor.querySelector('template').content.firstElementChild
  let count = 0

  function number () {
    const lines = area.value.split('\n').length
    if (lines === count) return
    count = lines
    numbers.textContent = Array.from({ length: lines }, (_, at) => at + 1).join('\n')
  }

  function follow () {
    gutter.scrollTop = area.scrollTop
  }

  function mark () {
    gutter.querySelectorAll('.editor-mark').forEach((old) => old.remove())
    for (const problem of document.querySelectorAll('[data-problem-line]')) {
      const line = Number(problem.dataset.problemLine)
      if (!line) continue
      const button = Object.assign(document.createElement('button'), { type: 'button', className: 'editor-mark', title: problem.dataset.problemText, tabIndex: -1 })
      button.setAttribute('aria-label', `Problem in line ${line}`)
      button.append(icon.cloneNode(true))
      button.style.top = `${12 + (line - 1) * 20}px`
      button.addEventListener('click', () => goTo(line))
      gutter.append(button)
    }
  }

  function goTo (line) {
    const before = area.value.split('\n').slice(0, line - 1).join('\n').length
    const from = line > 1 ? before + 1 : 0
    const end = area.value.indexOf('\n', from)
    area.focus()
    area.setSelectionRange(from, end < 0 ? area.value.length : end)
    area.scrollTop = Math.max(0, (line - 6) * 20)
  }

  async function take (file) {
    if (!file) return
    if (file.size > LARGEST) return window.htmx.trigger(document.body, 'toast', { text: `${file.name} is over 1 MiB; scripts are smaller.`, tone: 'bad' })
    area.value = await file.text()
    const name = document.querySelector('[data-script-name]')
    if (name) name.value = file.name
    changed()
  }

  function changed () {
    number()
    area.dispatchEvent(new Event('input', { bubbles: true }))
  }

  area.addEventListener('input', number)
  area.addEventListener('scroll', follow, { passive: true })
  for (const name of ['dragenter', 'dragover']) editor.addEventListener(name, (event) => { event.preventDefault(); editor.classList.add('is-over') })
  for (const name of ['dragleave', 'drop']) editor.addEventListener(name, (event) => { if (name === 'drop' || !editor.contains(event.relatedTarget)) editor.classList.remove('is-over') })
  editor.addEventListener('drop', (event) => { event.preventDefault(); take(event.dataTransfer.files[0]) })
  document.querySelector('[data-script-file]')?.addEventListener('change', (event) => take(event.target.files[0]))
  document.addEventListener('click', (event) => {
    const problem = event.target.closest('[data-problem-go]')
    if (problem) goTo(Number(problem.dataset.problemGo))
  })
  document.addEventListener('htmx:afterSettle', mark)
  number()
  mark()
  // Who comes back finds what was typed: the browser puts it there after this has run.
  addEventListener('pageshow', () => { if (area.value !== area.defaultValue) changed() })
}

document.querySelectorAll('[data-editor]').forEach(startEditor)
