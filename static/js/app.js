// What every page does: theme, menus, copying, confirming, selecting many, toasts. No inline handlers anywhere.
import { startClocks } from './clocks.js'
import { startLive } from './live.js'
import { startPalette } from './palette.js'
import { startConfirm } from './confirm.js'
import { startBulk } from './bulk.js'

const csrf = () => document.querySelector('meta[name="csrf-token"]')?.content ?? ''

/** A short message in the corner; text only. */
export function toast (text, tone = '') {
  const note = document.createElement('div')
  note.className = `note ${tone ? `note-${tone}` : ''}`
  const words = document.createElement('p')
  words.textContent = text
  note.append(words)
  document.getElementById('toasts')?.append(note)
  setTimeout(() => note.remove(), 6000)
}

function showTheme () {
  const chosen = window.cowTheme.chosen()
  for (const button of document.querySelectorAll('[data-theme-set]')) {
    button.setAttribute('aria-pressed', String(button.dataset.themeSet === chosen))
  }
}

async function copyText (button) {
  try {
    await navigator.clipboard.writeText(button.dataset.copy)
  } catch {
    copyThroughSelection(button.dataset.copy)
  }
  button.classList.add('is-done')
  setTimeout(() => button.classList.remove('is-done'), 1500)
}

// Pages served over plain HTTP from another machine have no clipboard interface.
function copyThroughSelection (text) {
  const area = document.createElement('textarea')
  area.value = text
  document.body.append(area)
  area.select()
  document.execCommand('copy')
  area.remove()
}

function closeMenus (except) {
  for (const menu of document.querySelectorAll('details.menu[open]')) {
    if (!menu.contains(except)) menu.open = false
  }
}

document.addEventListener('click', (event) => {
  closeMenus(event.target)
  const copy = event.target.closest('[data-copy]')
  if (copy) copyText(copy)
  const download = event.target.closest('.menu-item[download]') // which leaves the page where it is
  if (download) download.closest('details').open = false
  const theme = event.target.closest('[data-theme-set]')
  if (theme) {
    window.cowTheme.set(theme.dataset.themeSet)
    showTheme()
    theme.closest('details').open = false
  }
})

document.addEventListener('keydown', (event) => {
  const menu = event.key === 'Escape' && event.target.closest?.('details.menu[open]')
  if (menu) {
    menu.open = false
    menu.querySelector('summary').focus()
  }
})

// Live parts are rendered without a request, so their forms carry no token of their own.
document.addEventListener('submit', (event) => {
  const form = event.target
  if (form.method !== 'post') return
  const field = form.querySelector('input[name="csrfmiddlewaretoken"]') ?? form.appendChild(Object.assign(
    document.createElement('input'), { type: 'hidden', name: 'csrfmiddlewaretoken' }))
  field.value ||= csrf()
})

document.addEventListener('htmx:configRequest', (event) => { event.detail.headers['X-CSRFToken'] = csrf() })
document.addEventListener('htmx:responseError', (event) => {
  toast(`The server answered ${event.detail.xhr.status}. Reload the page and try again.`, 'bad')
})
document.addEventListener('htmx:sendError', () => toast('The server cannot be reached. Nothing was sent.', 'bad'))
document.addEventListener('toast', (event) => toast(event.detail.text ?? event.detail.value, event.detail.tone))

// On a phone a row of tabs is wider than the screen, and below it: the chosen one is where it can be seen, and who
// came from another tab of the page finds what was asked for.
for (const tabs of document.querySelectorAll('.tabs')) {
  const chosen = tabs.querySelector('[aria-current]')
  if (!chosen) continue
  tabs.scrollLeft = chosen.offsetLeft - tabs.offsetLeft - (tabs.clientWidth - chosen.offsetWidth) / 2
  const [entry] = performance.getEntriesByType('navigation')
  const within = document.referrer.split(/[?#]/)[0] === location.href.split(/[?#]/)[0] && document.referrer !== location.href
  if (within && entry?.type === 'navigate' && !location.hash && tabs.getBoundingClientRect().top > innerHeight / 2) {
    tabs.scrollIntoView({ block: 'start' })
  }
}

showTheme()
startClocks()
startLive()
startPalette()
startConfirm()
startBulk()
