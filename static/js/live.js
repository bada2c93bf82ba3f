// The live parts: says whether the page is live, reconnects, and merges what is pushed without losing
// focus, selection, scroll position or open menus.
const HIDDEN_TOO_LONG_MS = 20000
const BANNER_AFTER_MS = 1500
const FINAL_CODES = { 4401: 'You are signed out. Reload the page to sign in.', 4403: 'You may no longer see this page.', 4404: 'This object no longer exists.' }
const LIBRARY_RETRIES = [1006, 1011, 1012, 1013]

const sockets = new Map() // element → { wrapper, socket, state, since, words }
let newest = null
let leaving = false

const dot = () => document.getElementById('live-dot')
const banner = () => document.getElementById('live-banner')

function show () {
  const all = [...sockets.values()]
  const lost = all.filter((entry) => entry.state === 'lost')
  const state = lost.length ? 'lost' : all.every((entry) => entry.state === 'live') ? 'live' : 'connecting'
  dot().hidden = !all.length
  dot().dataset.state = state
  dot().querySelector('[data-live-word]').textContent = { live: 'Live', lost: 'Not live', connecting: 'Connecting' }[state]
  const shown = lost.filter((entry) => entry.words || Date.now() - entry.since >= BANNER_AFTER_MS)
  banner().hidden = !shown.length
  if (shown.length) {
    banner().querySelector('[data-live-words]').textContent = shown.find((entry) => entry.words)?.words ??
      'This page is not live: the connection was lost. What you see may be old. Reconnecting.'
    banner().querySelector('[data-live-retry]').hidden = shown.some((entry) => entry.words)
  }
}

function lost (entry, code) {
  if (entry.state !== 'lost') entry.since = Date.now()
  entry.state = 'lost'
  entry.words = FINAL_CODES[code]
  setTimeout(show, BANNER_AFTER_MS)
  show()
  // The library gives up after an orderly close, but a server that restarts closes orderly too.
  if (!entry.words && !LIBRARY_RETRIES.includes(code)) setTimeout(() => reconnect(entry), 1000)
}

function reconnect (entry) {
  if (!leaving && entry.wrapper && !entry.words && entry.socket.readyState !== WebSocket.CONNECTING) entry.wrapper.reconnect()
}

function watchSockets () {
  window.htmx.config.wsReconnectDelay = (tries) => Math.min(8000, 400 * 2 ** tries) * (0.6 + 0.4 * Math.random())
  // The page's own query, so that what is pushed is the same view of the same things.
  window.htmx.createWebSocket = (url) => (newest = new WebSocket(url.split('?')[0] + location.search))
  document.addEventListener('htmx:wsConnecting', (event) => {
    const before = sockets.get(event.target)
    sockets.set(event.target, { state: 'connecting', ...before, socket: newest })
    show()
  })
  document.addEventListener('htmx:wsOpen', (event) => {
    Object.assign(sockets.get(event.target), { state: 'live', words: undefined, wrapper: event.detail.socketWrapper })
    show()
  })
  document.addEventListener('htmx:wsClose', (event) => {
    const entry = sockets.get(event.target)
    if (!entry || leaving || event.detail.event.target !== entry.socket) return
    if (event.target.isConnected) lost(entry, event.detail.event.code)
    else sockets.delete(event.target)
  })
}

// A laptop that slept holds sockets that look open and are dead: connect anew, which sends the present state.
function watchSleep () {
  let hiddenAt = 0
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) hiddenAt = Date.now()
    else if (Date.now() - hiddenAt > HIDDEN_TOO_LONG_MS) sockets.forEach(reconnect)
  })
  window.addEventListener('online', () => sockets.forEach(reconnect))
  window.addEventListener('offline', () => sockets.forEach((entry) => lost(entry, 1006)))
  window.addEventListener('pagehide', () => { leaving = true })
  window.addEventListener('pageshow', (event) => { leaving = false; if (event.persisted) sockets.forEach(reconnect) })
}

const keepsOwn = (node) => node instanceof Element && node.hasAttribute('data-own')

// What somebody typed, ticked or chose stays theirs, wherever the cursor is by then.
const isTheirs = {
  value: (node) => node === document.activeElement || ('defaultValue' in node && node.value !== node.defaultValue),
  checked: (node) => node.checked !== node.defaultChecked || node.matches('[data-bulk], [data-bulk-all]'),
  selected: (node) => {
    const select = node.closest('select')
    const first = [...select.options].findIndex((option) => option.defaultSelected)
    return select.selectedIndex !== Math.max(first, 0)
  }
}

const merging = {
  morphStyle: 'outerHTML',
  callbacks: {
    beforeNodeMorphed: (old) => !keepsOwn(old),
    beforeAttributeUpdated: (name, node) => {
      if (name === 'open') return !node.matches('details, dialog')
      return !isTheirs[name]?.(node)
    },
    afterNodeAdded: (node) => { if (node instanceof Element && node.matches('tr[id], article[id]')) node.classList.add('is-new') }
  }
}

function merge (event) {
  const { target, fragment } = event.detail
  const fresh = fragment.nodeType === Node.DOCUMENT_FRAGMENT_NODE ? fragment.firstElementChild : null
  if (keepsOwn(target)) event.detail.shouldSwap = false
  if (!window.Idiomorph || !fresh || fresh.id !== target.id || keepsOwn(target)) return
  event.detail.shouldSwap = false
  const { id } = fresh
  window.Idiomorph.morph(target, fresh, merging)
  const merged = document.getElementById(id)
  window.htmx.process(merged)
  merged.dispatchEvent(new CustomEvent('live:merged', { bubbles: true }))
}

export function startLive () {
  if (!window.htmx || !dot()) return
  watchSockets()
  watchSleep()
  document.addEventListener('htmx:oobBeforeSwap', merge)
  document.addEventListener('htmx:pushedIntoHistory', () => sockets.forEach(reconnect))
  document.addEventListener('click', (event) => {
    if (event.target.closest('[data-live-retry]')) sockets.forEach(reconnect)
  })
}
