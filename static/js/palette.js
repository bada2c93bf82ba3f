// The command bar: `/` or Ctrl-K opens it, arrows choose, Tab completes, Enter runs or opens.
const typing = (element) => element?.closest?.('input, textarea, select, [contenteditable]')
const dialog = () => document.getElementById('palette')
const input = () => document.getElementById('palette-input')
const options = () => [...dialog().querySelectorAll('[role="option"]')]

function open () {
  if (dialog().open || document.querySelector('dialog[open]')) return
  dialog().showModal()
  input().select()
  window.htmx.trigger(input(), 'palette-open')
}

function choose (option) {
  for (const each of options()) each.setAttribute('aria-selected', String(each === option))
  input().removeAttribute('aria-activedescendant')
  if (!option) return
  input().setAttribute('aria-activedescendant', option.id)
  option.scrollIntoView({ block: 'nearest' })
}

function step (by) {
  const all = options()
  if (!all.length) return
  const at = all.findIndex((option) => option.getAttribute('aria-selected') === 'true')
  choose(all[(at + by + all.length + (at < 0 && by < 0 ? 1 : 0)) % all.length])
}

function take (option) {
  if (option.dataset.complete === undefined) return window.location.assign(option.getAttribute('href'))
  input().value = option.dataset.complete
  input().focus()
  input().dispatchEvent(new Event('input', { bubbles: true }))
}

function onKey (event) {
  const picked = dialog().querySelector('[aria-selected="true"]')
  if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
    event.preventDefault()
    step(event.key === 'ArrowDown' ? 1 : -1)
  } else if (event.key === 'Tab' && !event.shiftKey && event.target === input()) {
    const option = picked ?? dialog().querySelector('[data-complete]')
    if (!option) return
    event.preventDefault()
    take(option)
  } else if (event.key === 'Enter' && picked && event.target === input()) {
    event.preventDefault()
    take(picked)
  }
}

export function startPalette () {
  if (!dialog()) return
  document.addEventListener('keydown', (event) => {
    const combination = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k'
    if (!combination && (event.key !== '/' || typing(event.target) || event.ctrlKey || event.metaKey || event.altKey)) return
    event.preventDefault()
    open()
  })
  document.addEventListener('click', (event) => {
    if (event.target.closest('[data-palette-open]') && !event.ctrlKey && !event.metaKey) {
      event.preventDefault()
      open()
    }
  })
  dialog().addEventListener('keydown', onKey)
  dialog().addEventListener('click', (event) => {
    const option = event.target.closest('[role="option"]')
    if (event.target === dialog()) dialog().close()
    else if (option?.dataset.complete !== undefined) { event.preventDefault(); take(option) }
  })
  // An earlier command's log is left; a new one is followed. The viewer is only loaded where one is shown.
  dialog().addEventListener('htmx:beforeSwap', (event) => event.detail.target.querySelector('[data-log]')?.cowLog?.stop())
  dialog().addEventListener('htmx:afterSwap', () => { if (dialog().querySelector('[data-log]')) import('./log.js') })
  dialog().addEventListener('htmx:afterSwap', () => input().setAttribute('aria-expanded', String(options().length > 0)))
}
