// A terminal over a socket: bytes both ways, the window's size as text. See clones/terminal.py.
import { Terminal } from '../vendor/xterm.mjs'
import { FitAddon } from '../vendor/addon-fit.mjs'

const place = document.querySelector('[data-terminal]')
const state = document.querySelector('[data-terminal-state]')
const again = document.querySelector('[data-terminal-again]')

// The library makes style sheets and style attributes; the page's policy wants a nonce on the former, and
// knows the latter only as properties.
const make = document.createElement.bind(document)
document.createElement = (tag, options) => {
  const element = make(tag, options)
  if (String(tag).toLowerCase() === 'style') element.nonce = place.dataset.nonce
  return element
}
const setAttribute = Element.prototype.setAttribute
Element.prototype.setAttribute = function (name, value) {
  if (name === 'style') this.style.cssText = value
  else setAttribute.call(this, name, value)
}

const colours = () => {
  const style = getComputedStyle(place)
  const of = (name) => style.getPropertyValue(name).trim()
  return { background: of('--term-bg'), foreground: of('--term-ink'), cursor: of('--term-ink'), selectionBackground: of('--term-mark') }
}
const terminal = new Terminal({ fontFamily: getComputedStyle(place).fontFamily, fontSize: 13, cursorBlink: false, scrollback: 5000, theme: colours(), screenReaderMode: true })
const fit = new FitAddon()
terminal.loadAddon(fit)
terminal.open(place)
fit.fit()
let socket

const size = () => ({ cols: terminal.cols, rows: terminal.rows })
function show (words, name) { state.textContent = words; state.dataset.state = name; again.hidden = name !== 'lost' }

function connect () {
  show('Connecting', 'connecting')
  let why = 'The connection was lost'
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws'
  socket = new WebSocket(`${scheme}://${location.host}${place.dataset.terminal}?${new URLSearchParams(size())}`)
  socket.binaryType = 'arraybuffer'
  socket.addEventListener('message', (event) => {
    if (typeof event.data === 'string') { why = JSON.parse(event.data).ended; return }
    show('Connected', 'live')
    terminal.write(new Uint8Array(event.data))
  })
  socket.addEventListener('close', () => { show(why, 'lost') })
  terminal.focus()
}
const send = (data) => { if (socket.readyState === WebSocket.OPEN) socket.send(data) }
terminal.onData((text) => send(new TextEncoder().encode(text)))
terminal.onBinary((text) => send(Uint8Array.from(text, (letter) => letter.charCodeAt(0))))
terminal.onResize(() => send(JSON.stringify(size())))
new ResizeObserver(() => fit.fit()).observe(place)
new MutationObserver(() => { terminal.options.theme = colours() }).observe(document.documentElement, { attributeFilter: ['data-bs-theme'] })
again.addEventListener('click', () => { terminal.reset(); connect() })
connect()
