// Counters that run in ms, and relative times that stay true. Both by the server's clock.
const started = Date.now()
const offset = Number(document.querySelector('meta[name="server-now"]')?.content ?? started) - pageArrived()

function pageArrived () {
  const entry = performance.getEntriesByType('navigation')[0]
  return entry ? performance.timeOrigin + entry.responseStart : started
}

/** The server's time in ms. */
export const now = () => Date.now() + offset

/** The same words as cowweb/wording.py. */
export function duration (ms) {
  if (ms < 999.5) return `${Math.round(ms)} ms`
  if (ms < 9995) return `${(ms / 1000).toFixed(2)} s`
  if (ms < 59950) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  if (ms < 3600000) return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, '0')} s`
  const minutes = Math.round(ms / 60000)
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`
}

const AGES = [[31536000, 'year'], [2592000, 'month'], [86400, 'day'], [3600, 'hour'], [60, 'minute'], [1, 'second']]

const ALMOST = 0.05

export function ago (then, at) {
  const seconds = (at - then) / 1000
  const distance = Math.abs(seconds)
  if (distance < 5) return 'just now'
  const whole = (length) => Math.floor(distance / length + (seconds < 0 && length > 1 ? ALMOST : 0))
  const [length, unit] = AGES.find(([length]) => whole(length))
  const number = whole(length)
  const words = `${number} ${unit}${number === 1 ? '' : 's'}`
  return seconds > 0 ? `${words} ago` : `in ${words}`
}

const write = (element, text) => { if (element.textContent !== text) element.textContent = text }

function count () {
  for (const element of document.querySelectorAll('[data-counting-since]')) {
    write(element, duration(Math.max(now() - Number(element.dataset.countingSince), 0)))
  }
}

function refreshAges () {
  for (const element of document.querySelectorAll('time[data-ago]')) {
    write(element, ago(Date.parse(element.dateTime), now()))
  }
}

export function startClocks () {
  const calm = window.matchMedia('(prefers-reduced-motion: reduce)').matches
  setInterval(count, calm ? 1000 : 80)
  setInterval(refreshAges, 5000)
}
