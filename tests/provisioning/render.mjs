// Draws lines as the log viewer does, with its own code, on a document that only notes what is made of them.
import { pathToFileURL } from 'node:url'
import { readFileSync } from 'node:fs'

const folder = pathToFileURL(`${process.argv[2]}/`)
const made = []
globalThis.document = {
  createElement (tag) {
    made.push(tag)
    return { tag, children: [], append (...parts) { this.children.push(...parts) }, appendChild (part) { this.children.push(part); return part } }
  }
}
const { pieces } = await import(new URL('sgr.js', folder))
const { write } = await import(new URL('view.js', folder))
const text = (part) => (typeof part === 'string' ? part : part.textContent ?? part.children.map(text).join(''))
const classes = (part) => (typeof part === 'string' ? [] : [part.className ?? '', ...part.children.flatMap(classes)])
const answer = JSON.parse(readFileSync(0, 'utf8')).map(([, , line]) => {
  made.length = 0
  const root = document.createElement('span')
  write(root, pieces(line).parts, [[0, 1]])
  return { text: text(root), tags: [...new Set(made)], classes: classes(root).join(' ') }
})
process.stdout.write(JSON.stringify(answer))
