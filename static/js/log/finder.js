// Search over the whole log, done by the server; what comes afterwards is looked at here.
const REST_MS = 150
const MOST = 10000 // hits kept; beyond that nobody steps

export class Finder {
  hits = [] // line indexes, ascending
  now = -1
  words = ''
  busy = false
  #timer = 0
  #asked = 0

  /** `searched(words, after)` answers { hits, next } with numbers of lines. */
  constructor (lines, searched, onChange) { Object.assign(this, { lines, searched, onChange }) }

  look (words) {
    Object.assign(this, { words, hits: [], now: -1, busy: Boolean(words) })
    clearTimeout(this.#timer)
    const asked = ++this.#asked
    if (words) this.#timer = setTimeout(() => this.#run(asked), REST_MS)
    this.onChange()
  }

  async #run (asked) {
    let after = 0
    this.more = false
    try {
      do {
        const { hits, next } = await this.searched(this.words, after)
        if (asked !== this.#asked) return
        this.#keep(hits.map((number) => number - 1))
        after = next
        this.onChange()
      } while (after && this.hits.length < MOST)
    } catch { /* shown as what was found so far */ }
    if (asked !== this.#asked) return
    this.more = Boolean(after)
    this.busy = false
    this.onChange()
  }

  #keep (indexes) {
    const last = this.hits.at(-1) ?? -1
    this.hits.push(...indexes.filter((index) => index > last))
  }

  /** Lines that were added from index `first` on. */
  news (first) {
    if (!this.words || this.busy) return
    const fresh = []
    for (let index = first; index < this.lines.count; index++) if (this.ranges(index, 1).length) fresh.push(index)
    if (fresh.length) { this.#keep(fresh); this.onChange() }
  }

  get exact () { return this.words !== this.words.toLowerCase() }

  /** [from, to] of each find in one line. */
  ranges (index, most = 100) {
    if (!this.words) return []
    const text = this.exact ? this.lines.text(index) : this.lines.text(index).toLowerCase()
    const found = []
    for (let at = text.indexOf(this.words); at >= 0 && found.length < most; at = text.indexOf(this.words, at + this.words.length)) {
      found.push([at, at + this.words.length])
    }
    return found
  }

  /** The next (1) or previous (-1) find, counted from line `near` the first time. */
  step (by, near) {
    if (!this.hits.length) return -1
    if (this.now < 0) {
      const after = this.hits.findIndex((hit) => hit >= near)
      this.now = after < 0 ? (by > 0 ? 0 : this.hits.length - 1) : by > 0 ? after : (after - 1 + this.hits.length) % this.hits.length
    } else {
      this.now = (this.now + by + this.hits.length) % this.hits.length
    }
    return this.hits[this.now]
  }
}
