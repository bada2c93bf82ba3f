// The lines of a log in blocks. Only blocks near what is seen are held; the others are fetched when they are
// looked at, so a log of a million lines costs the page what a screenful does.
import { PLAIN, coloured, pieces, plain } from './sgr.js'

export const BLOCK = 1000
const HELD = 24 // blocks

export class Lines {
  count = 0
  widest = 0
  #blocks = new Map() // number → { rows, starts, carry }, least recently used first
  #asked = new Set()

  /** `fetched(from, count)` answers { lines, colours }; `onBlock(number)` is told when a block is there. */
  constructor (fetched, onBlock) { Object.assign(this, { fetched, onBlock }) }

  /** Lines that came by the socket: they follow the last one there is. */
  add (fresh) {
    for (const row of fresh) {
      const number = Math.floor(this.count / BLOCK)
      const at = this.count % BLOCK
      const block = at ? this.#blocks.get(number) : this.#begin(number, this.#blocks.get(number - 1)?.carry ?? {})
      if (block?.rows.length === at) this.#append(block, row)
      this.count++
    }
    this.#evict()
  }

  /** How many lines the server said there are, before the socket has sent any. */
  expect (count) { this.count = Math.max(this.count, count) }

  row (index) {
    const number = Math.floor(index / BLOCK)
    const block = this.#blocks.get(number)
    const row = block?.rows[index % BLOCK]
    if (!row) this.#ask(number)
    return row
  }

  parts (index) {
    const row = this.row(index)
    return row ? pieces(row[2], this.#blocks.get(Math.floor(index / BLOCK)).starts.get(index % BLOCK)).parts : []
  }

  text (index) { return plain(this.row(index)?.[2] ?? '') }
  rows (number) { return this.#blocks.get(number)?.rows }

  async #ask (number) {
    if (this.#asked.has(number) || number * BLOCK >= this.count) return
    this.#asked.add(number)
    try {
      const { lines, colours } = await this.fetched(number * BLOCK + 1, BLOCK)
      const carry = Object.fromEntries(Object.entries(colours).map(([stream, text]) => [stream, coloured(text)]))
      const block = this.#begin(number, carry)
      for (const row of lines) this.#append(block, row)
      this.#evict()
      this.onBlock(number)
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 1500)) // the next drawing asks again
    } finally {
      this.#asked.delete(number)
    }
  }

  #begin (number, carry) {
    const block = { rows: [], starts: new Map(), carry: { ...carry } }
    this.#blocks.delete(number)
    this.#blocks.set(number, block)
    return block
  }

  #append (block, row) {
    const [stream, , text] = row
    const carried = block.carry[stream] ?? PLAIN
    if (carried !== PLAIN) block.starts.set(block.rows.length, carried)
    if (text.includes('\x1b')) {
      const { end } = pieces(text, carried)
      block.carry[stream] = Object.values(end).some((value) => value !== undefined) ? end : PLAIN
    }
    block.rows.push(row)
    // A text takes at most two columns a letter, a tab eight: most lines need no counting.
    if (text.length * (text.includes('\t') ? 8 : 2) > this.widest) this.widest = Math.max(this.widest, columns(text))
  }

  #evict () {
    for (const number of this.#blocks.keys()) {
      if (this.#blocks.size <= HELD) return
      this.#blocks.delete(number)
    }
  }

  /** Keeps these blocks longest. */
  touch (first, last) {
    for (let number = Math.floor(first / BLOCK); number <= Math.floor(last / BLOCK); number++) {
      const block = this.#blocks.get(number)
      if (block) { this.#blocks.delete(number); this.#blocks.set(number, block) }
    }
  }
}

/** Columns a text takes: tabs to the next eighth, anything beyond Latin counted double. */
export function columns (text) {
  const bare = plain(text)
  if (/^[\x20-\x7e]*$/.test(bare)) return bare.length
  let width = 0
  for (const letter of bare) width += letter === '\t' ? 8 - width % 8 : letter > '\u02ff' ? 2 : 1
  return width
}
