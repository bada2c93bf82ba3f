// Draws the visible lines only. Heights are known without measuring, so 50,000 lines cost what 50 do.
export const ROW = 20
const SPARE = 12
// Browsers cap the height of an element; beyond this the scroll bar is scaled.
const TALLEST = 8_000_000

export class View {
  #drawn = new Map()
  #asked = 0
  #width = ''
  marked = null // [first, last] line numbers

  constructor (scroll, space, lines, places, finder) {
    Object.assign(this, { scroll, space, lines, places, finder })
    scroll.addEventListener('scroll', () => this.ask(), { passive: true })
  }

  get full () { return this.places.total * ROW + 16 }
  get tall () { return Math.min(this.full, TALLEST) }
  // Real pixels per pixel of the scroll bar; 1 unless the log is taller than a browser's element may be.
  get scale () {
    const room = this.tall - this.scroll.clientHeight
    return this.full > this.tall && room > 0 ? (this.full - this.scroll.clientHeight) / room : 1
  }

  get top () { return this.scroll.scrollTop * this.scale }
  get firstVisible () { return this.places.at(this.top / ROW) }
  get atEnd () { return this.scroll.scrollTop + this.scroll.clientHeight >= this.tall - ROW * 1.5 }

  ask () {
    if (!this.#asked) this.#asked = requestAnimationFrame(() => { this.#asked = 0; this.draw() })
  }

  /** Everything again: after a toggle, a search, a mark. */
  renew () {
    this.#drawn.forEach((row) => row.remove())
    this.#drawn.clear()
    this.ask()
  }

  toEnd () { this.resize(); this.scroll.scrollTop = this.tall }

  toLine (index) {
    this.resize()
    const middle = this.places.start(index) * ROW - this.scroll.clientHeight / 2 + ROW
    this.scroll.scrollTop = Math.max(0, middle) / this.scale
    this.ask()
  }

  resize () {
    const height = `${this.tall}px`
    const width = this.wrapping ? '' : `calc(${this.lines.widest + 2}ch + 160px)`
    if (this.space.style.height !== height) this.space.style.height = height
    if (this.#width !== width) this.space.style.width = this.#width = width
  }

  draw () {
    this.resize()
    if (!this.lines.count) return
    const top = this.top
    const first = Math.max(0, this.places.at(top / ROW) - SPARE)
    const last = Math.min(this.lines.count - 1, this.places.at((top + this.scroll.clientHeight) / ROW) + SPARE)
    for (const [index, row] of this.#drawn) {
      if (index < first || index > last) {
        row.remove()
        this.#drawn.delete(index)
      }
    }
    const shift = this.scroll.scrollTop - top
    const fresh = document.createDocumentFragment()
    for (let index = first; index <= last; index++) {
      const row = this.#drawn.get(index) ?? fresh.appendChild(this.#row(index))
      const place = `${this.places.start(index) * ROW + shift}px`
      if (row.style.top !== place) row.style.top = place
      this.#drawn.set(index, row)
    }
    this.space.append(fresh)
    this.lines.touch(first, last)
  }

  #row (index) {
    const [stream, ms] = this.lines.row(index) ?? ['absent', 0]
    const row = document.createElement('div')
    const ranges = this.finder.ranges(index)
    row.className = 'log-row'
    row.classList.toggle('log-err', stream === 'stderr')
    row.classList.toggle('log-note', stream === 'note')
    row.classList.toggle('log-in', stream === 'stdin')
    row.classList.toggle('log-absent', stream === 'absent')
    row.classList.toggle('is-hit', ranges.length > 0)
    row.classList.toggle('is-now', ranges.length > 0 && this.finder.hits[this.finder.now] === index)
    row.classList.toggle('is-marked', Boolean(this.marked) && index + 1 >= this.marked[0] && index + 1 <= this.marked[1])
    row.style.height = `${this.places.height(index) * ROW}px`
    const number = Object.assign(document.createElement('a'), { className: 'log-no', href: `#L${index + 1}`, textContent: index + 1, tabIndex: -1 })
    if (stream === 'stderr') number.title = 'Written to standard error'
    if (stream === 'stdin') number.title = 'Sent to the script by a person'
    if (stream === 'note') number.title = 'Said by the site, not by the guest'
    const at = Object.assign(document.createElement('span'), { className: 'log-at', textContent: stream === 'absent' ? '' : stamp(ms) })
    const text = Object.assign(document.createElement('span'), { className: 'log-text' })
    write(text, this.lines.parts(index), ranges)
    row.append(number, at, text)
    return row
  }
}

/** Time since the script's start, as 1:02.345. */
function stamp (ms) {
  const minutes = Math.floor(ms / 60000)
  return `${minutes}:${(ms % 60000 / 1000).toFixed(3).padStart(6, '0')}`
}

// Text nodes only: what a guest says is never HTML.
export function write (element, parts, ranges) {
  let offset = 0
  for (const [text, classes] of parts) {
    const holder = classes ? element.appendChild(Object.assign(document.createElement('span'), { className: classes })) : element
    let from = 0
    for (const [start, end] of ranges) {
      const a = Math.max(start - offset, from)
      const b = Math.min(end - offset, text.length)
      if (a >= b) continue
      holder.append(text.slice(from, a))
      holder.appendChild(document.createElement('mark')).textContent = text.slice(a, b)
      from = b
    }
    holder.append(text.slice(from))
    offset += text.length
  }
}
