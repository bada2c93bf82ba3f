// The socket of one run's log. Every (re)connection asks for what is after the last line held, so there is
// no gap and no duplicate whatever happens to the connection.
const FIRST_DELAY_MS = 300
const LONGEST_DELAY_MS = 8000
const HIDDEN_TOO_LONG_MS = 20000
const FINAL_CODES = { 4401: 'signed out', 4403: 'not permitted', 4404: 'not found' }

/** `onLines(lines)` gets only new ones; `onState(state, words)`: connecting, live, lost, done, refused.
 *  Returns what ends it. */
export function follow (path, { held, onLines, onState }) {
  let socket = null
  let tries = 0
  let timer = 0
  let over = false
  let hiddenAt = 0

  function connect () {
    clearTimeout(timer)
    if (over) return
    discard()
    onState(tries || held() ? 'lost' : 'connecting')
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws'
    const mine = socket = new WebSocket(`${scheme}://${location.host}${path}?after=${held()}`)
    mine.onopen = () => onState('live')
    mine.onmessage = (event) => { if (mine === socket) take(JSON.parse(event.data)) }
    mine.onclose = (event) => { if (mine === socket) closed(event.code) }
  }

  function discard () {
    const old = socket
    socket = null
    old?.close()
  }

  function take (frame) {
    tries = 0
    const next = held() + 1
    if (frame.lines?.length) {
      if (frame.from > next) return retry() // a gap can only mean that something went wrong: ask again
      onLines(frame.lines.slice(next - frame.from))
    }
    if (frame.done) {
      over = true
      discard()
      onState('done')
    }
  }

  function closed (code) {
    if (over) return
    if (FINAL_CODES[code]) {
      over = true
      return onState('refused', FINAL_CODES[code])
    }
    retry()
  }

  function retry () {
    discard()
    onState('lost')
    const delay = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** tries++) * (0.6 + 0.4 * Math.random())
    clearTimeout(timer)
    timer = setTimeout(connect, delay)
  }

  document.addEventListener('visibilitychange', () => {
    if (document.hidden) hiddenAt = Date.now()
    else if (Date.now() - hiddenAt > HIDDEN_TOO_LONG_MS) connect()
  })
  window.addEventListener('online', connect)
  window.addEventListener('offline', () => { if (!over) retry() })
  connect()
  return () => { over = true; clearTimeout(timer); discard() }
}
