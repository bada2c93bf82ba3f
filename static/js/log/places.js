// Where each line begins, in screen rows. Without wrapping that is its index. With it, blocks that were seen
// are measured and others are taken to have one row a line.
import { BLOCK, columns } from './lines.js'

export class Places {
  #ends = [] // by block: rows up to and including each of its lines
  #before = [0] // rows before each block
  #stale = true
  #width = 0

  constructor (lines) { this.lines = lines }

  wrapAt (width) {
    this.#width = width
    this.#ends = []
    for (let block = 0; block * BLOCK < this.lines.count; block++) this.measure(block)
    this.grow()
  }

  /** A block came or grew. */
  measure (block) {
    const rows = this.lines.rows(block)
    if (!this.#width || !rows) return
    const known = this.#ends[block] ?? []
    let end = known.at(-1) ?? 0
    for (let at = known.length; at < rows.length; at++) {
      end += Math.max(1, Math.ceil(columns(rows[at][2]) / this.#width))
      known.push(end)
    }
    this.#ends[block] = known
    this.#stale = true
  }

  grow () {
    this.measure(Math.max(0, Math.floor((this.lines.count - 1) / BLOCK)))
    this.#stale = true
  }

  #sums () {
    if (!this.#stale) return this.#before
    this.#before = [0]
    for (let block = 0; block * BLOCK < this.lines.count; block++) this.#before.push(this.#before[block] + this.#size(block))
    this.#stale = false
    return this.#before
  }

  #size (block) {
    const most = Math.min(BLOCK, this.lines.count - block * BLOCK)
    const known = this.#ends[block]
    return known ? (known.at(-1) ?? 0) + most - known.length : most
  }

  get total () { return this.#width ? this.#sums().at(-1) : this.lines.count }

  start (index) {
    if (!this.#width) return index
    const block = Math.floor(index / BLOCK)
    const before = this.#sums()[block] ?? 0
    const known = this.#ends[block]
    const at = index % BLOCK
    if (!known || !at) return before + at
    return before + (known[at - 1] ?? (known.at(-1) ?? 0) + at - known.length)
  }

  height (index) { return this.#width ? Math.max(1, this.start(index + 1) - this.start(index)) : 1 }

  at (row) {
    const last = this.lines.count - 1
    if (!this.#width) return Math.max(0, Math.min(Math.floor(row), last))
    let low = 0
    let high = Math.max(last, 0)
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.start(middle + 1) > row) high = middle
      else low = middle + 1
    }
    return low
  }
}
