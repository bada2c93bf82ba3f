// Colours of guest output: SGR sequences become class names; every other escape is dropped. Never HTML.
const ESCAPE = /\x1b\[([0-9;:]*)m|\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])/g
const FLAGS = { 1: 'b', 2: 'd', 3: 'i', 4: 'u', 7: 'r', 9: 's' }
const CLEARS = { 22: ['b', 'd'], 23: ['i'], 24: ['u'], 27: ['r'], 29: ['s'] }
export const PLAIN = Object.freeze({})

const BASIC = [[0, 0, 0], [178, 38, 30], [31, 122, 61], [158, 110, 0], [31, 95, 191], [139, 63, 168], [11, 106, 115], [210, 215, 215],
  [120, 130, 130], [255, 80, 70], [80, 220, 120], [255, 220, 80], [90, 150, 255], [220, 120, 250], [80, 220, 230], [255, 255, 255]]

function nearest (r, g, b) {
  const far = ([x, y, z]) => (x - r) ** 2 + (y - g) ** 2 + (z - b) ** 2
  return BASIC.reduce((best, colour, index) => (far(colour) < far(BASIC[best]) ? index : best), 0)
}

function of256 (n) {
  if (n < 16) return n
  if (n > 231) return nearest(...Array(3).fill(8 + (n - 232) * 10))
  const level = (v) => (v ? 55 + v * 40 : 0)
  return nearest(level(Math.floor((n - 16) / 36)), level(Math.floor((n - 16) / 6) % 6), level((n - 16) % 6))
}

// 38;5;n and 38;2;r;g;b: answers [colour, how many codes were used].
function extended (codes, at) {
  if (codes[at + 1] === 5) return [of256(Math.min(codes[at + 2] || 0, 255)), 2]
  if (codes[at + 1] === 2) return [nearest(codes[at + 2] || 0, codes[at + 3] || 0, codes[at + 4] || 0), 4]
  return [undefined, 0]
}

function colourOf (code) {
  if (code >= 30 && code <= 37) return ['f', code - 30]
  if (code >= 40 && code <= 47) return ['g', code - 40]
  if (code >= 90 && code <= 97) return ['f', code - 82]
  if (code >= 100 && code <= 107) return ['g', code - 92]
  if (code === 39) return ['f', undefined]
  return code === 49 ? ['g', undefined] : null
}

/** The state after one sequence's codes. */
export function after (state, parameters) {
  const codes = parameters.split(/[;:]/).map(Number)
  let next = { ...state }
  for (let at = 0; at < codes.length; at++) {
    const code = codes[at]
    const colour = colourOf(code)
    if (code === 0) next = {}
    else if (FLAGS[code]) next[FLAGS[code]] = true
    else if (CLEARS[code]) CLEARS[code].forEach((flag) => delete next[flag])
    else if (code === 38 || code === 48) {
      const [value, used] = extended(codes, at)
      next[code === 38 ? 'f' : 'g'] = value
      at += used
    } else if (colour) next[colour[0]] = colour[1]
  }
  return next
}

function classes (state) {
  return Object.entries(state).filter(([, value]) => value !== undefined)
    .map(([key, value]) => (value === true ? `sgr-${key}` : `sgr-${key}${value}`)).join(' ')
}

/** A line as [[text, classes], …], and the state it leaves behind. */
export function pieces (text, start = PLAIN) {
  if (!text.includes('\x1b')) return { parts: [[text, classes(start)]], end: start }
  const parts = []
  let state = start
  let from = 0
  for (const match of text.matchAll(ESCAPE)) {
    if (match.index > from) parts.push([text.slice(from, match.index), classes(state)])
    if (match[1] !== undefined) state = after(state, match[1])
    from = match.index + match[0].length
  }
  if (from < text.length) parts.push([text.slice(from), classes(state)])
  return { parts, end: state }
}

/** The state that a text of nothing but sequences leaves behind. */
export const coloured = (text) => pieces(text).end

export const plain = (text) => (text.includes('\x1b') ? text.replace(ESCAPE, '') : text)
