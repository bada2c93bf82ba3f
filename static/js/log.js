// The log viewer: wires one [data-log] element. See log/feed.js (socket), log/lines.js, log/view.js.
import { follow } from './log/feed.js'
import { Finder } from './log/finder.js'
import { Lines } from './log/lines.js'
import { Places } from './log/places.js'
import { View } from './log/view.js'

const kept = {
  get: (name, otherwise) => { try { return (localStorage.getItem(`log.${name}`) ?? otherwise) === 'on' } catch { return otherwise === 'on' } },
  set: (name, on) => { try { localStorage.setItem(`log.${name}`, on ? 'on' : 'off') } catch { /* private mode */ } }
}
async function json (path, query) {
  const answer = await fetch(`${path}?${new URLSearchParams(query)}`, { headers: { Accept: 'application/json' } })
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`)
  return answer.json()
}

const STATES = { connecting: 'Connecting', live: 'Live', lost: 'Disconnected, catching up', done: 'Complete', refused: 'Closed' }

class Log {
  following = true
  #ours = 0 // scrolls made by us must not look like the reader's
  #end = 0 // where the last of them led
  #held = false // by a finger

  constructor (root) {
    this.root = root
    this.part = (name) => root.querySelector(`[data-log-${name}]`)
    const { logLines, logSearch, logTotal } = root.dataset
    this.lines = new Lines((from, count) => json(logLines, { from, count }), (block) => this.arrived(block))
    this.places = new Places(this.lines)
    this.finder = new Finder(this.lines, (q, after) => json(logSearch, { q, after }), () => this.showFound())
    this.view = new View(this.part('scroll'), this.part('space'), this.lines, this.places, this.finder)
    for (const name of ['times', 'wrap']) this.toggle(name, kept.get(name, 'off'))
    this.wire()
    this.expect(Number(logTotal || 0))
    this.readHash()
    this.attempt = document.getElementById('run-head')?.dataset.runAttempt
    this.follow()
  }

  follow () {
    this.stop?.()
    this.stop = follow(this.root.dataset.logPath, {
      held: () => this.lines.count,
      onLines: (lines) => this.take(lines),
      onState: (state, words) => this.showState(state, words)
    })
  }

  // A log that was complete goes on when its run is retried, whoever did that.
  headPushed (head) {
    const attempt = head.dataset.runAttempt
    if (!attempt || attempt === this.attempt) return
    this.attempt = attempt
    this.follow()
  }

  wire () {
    const scroll = this.part('scroll')
    scroll.addEventListener('scroll', () => this.scrolled(), { passive: true })
    // Told at once: between a scroll and its event lines may come, and lead back to the end.
    scroll.addEventListener('wheel', (event) => { if (event.deltaY < 0) this.leave() }, { passive: true })
    for (const [kind, held] of [['touchstart', true], ['touchend', false], ['touchcancel', false]]) {
      scroll.addEventListener(kind, () => { this.#held = held }, { passive: true })
    }
    new ResizeObserver(() => { this.wrap(); this.view.ask(); if (this.following) this.end() }).observe(scroll)
    this.root.addEventListener('click', (event) => this.clicked(event))
    this.part('find').addEventListener('input', () => { this.due = 0; this.finder.look(this.part('find').value) })
    this.part('find').addEventListener('keydown', (event) => {
      if (event.key === 'Enter') { event.preventDefault(); this.step(event.shiftKey ? -1 : 1) }
      if (event.key === 'Escape') { this.part('find').value = ''; this.finder.look(''); scroll.focus() }
    })
    scroll.addEventListener('keydown', (event) => this.pressed(event))
    window.addEventListener('hashchange', () => this.readHash())
    document.addEventListener('live:merged', (event) => this.headPushed(event.target))
    document.addEventListener('copy', (event) => this.copied(event))
  }

  take (lines) {
    if (!lines.length) return
    const first = this.lines.count
    this.lines.add(lines)
    this.places.grow()
    this.part('quiet').hidden = true
    this.finder.news(first)
    if (this.wanted && this.wanted <= this.lines.count) this.showWanted()
    if (this.following && !this.#held) this.end()
    this.showCount()
    if (!first || !this.following || this.#held) this.view.ask()
  }

  expect (count) {
    if (!count) return
    this.lines.expect(count)
    this.places.grow()
    this.part('quiet').hidden = true
    this.showCount()
    this.end()
  }

  // A block that was fetched: what is being read stays where it is, though lines above it may wrap.
  arrived (block) {
    const scroll = this.part('scroll')
    const reading = this.view.firstVisible
    const offset = this.view.top - this.places.start(reading) * 20
    this.places.measure(block)
    this.#ours = performance.now()
    if (this.following && !this.#held) this.toEnd()
    else if (this.view.wrapping) scroll.scrollTop = (this.places.start(reading) * 20 + offset) / this.view.scale
    this.view.renew()
  }

  showCount () {
    this.part('count').textContent = `${this.lines.count.toLocaleString('en')} line${this.lines.count === 1 ? '' : 's'}`
  }

  end () {
    this.#ours = performance.now()
    this.toEnd()
    this.view.ask()
  }

  toEnd () {
    this.view.toEnd()
    this.#end = this.part('scroll').scrollTop
  }

  /** The reader goes up; lines that come from now on wait below. */
  leave () {
    const scroll = this.part('scroll')
    if (this.following && scroll.scrollHeight > scroll.clientHeight) this.setFollowing(false)
  }

  scrolled () {
    if (this.following && this.part('scroll').scrollTop < this.#end - 1 && !this.view.atEnd) return this.leave()
    if (performance.now() - this.#ours < 80) return
    this.setFollowing(this.view.atEnd)
  }

  setFollowing (on) {
    if (this.following !== on) {
      this.following = on
      if (on) this.end()
    }
    this.showJump()
    this.root.querySelector('[data-log-toggle="follow"]').setAttribute('aria-pressed', String(on))
  }

  showJump () {
    this.part('jump').hidden = this.following || this.state === 'done' && this.view.atEnd
  }

  toggle (name, on) {
    this.root.classList.toggle(`log-${name}`, on)
    this.root.querySelector(`[data-log-toggle="${name}"]`).setAttribute('aria-pressed', String(on))
    kept.set(name, on)
    this.wrap()
  }

  wrap () {
    const scroll = this.part('scroll')
    this.view.wrapping = this.root.classList.contains('log-wrap')
    const taken = this.part('ruler').offsetWidth + (this.root.classList.contains('log-times') ? 84 : 0)
    const letter = this.part('letter').getBoundingClientRect().width / 10 || 7.5
    const width = this.view.wrapping ? Math.max(10, Math.floor((scroll.clientWidth - taken - 2) / letter)) : 0
    if (width === this.width) return
    const reading = this.view.firstVisible
    this.width = width
    this.places.wrapAt(width)
    this.view.renew()
    if (this.lines.count && !this.following) scroll.scrollTop = this.places.start(reading) * 20 / this.view.scale
  }

  clicked (event) {
    const number = event.target.closest('.log-no')
    if (number) {
      event.preventDefault()
      if (this.root.dataset.logHome) return window.location.assign(`${this.root.dataset.logHome}#L${number.textContent}`)
      return this.mark(Number(number.textContent), event.shiftKey)
    }
    const toggle = event.target.closest('[data-log-toggle]')?.dataset.logToggle
    if (toggle === 'follow') this.setFollowing(!this.following)
    else if (toggle) { this.toggle(toggle, !this.root.classList.contains(`log-${toggle}`)); if (this.following) this.end() }
    if (event.target.closest('[data-log-next]')) this.step(1)
    if (event.target.closest('[data-log-prev]')) this.step(-1)
    if (event.target.closest('[data-log-jump]')) {
      this.setFollowing(true)
      this.part('scroll').focus({ preventScroll: true }) // the button is gone
    }
  }

  pressed (event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    if (event.key === 'n' || event.key === 'N') this.step(event.key === 'n' ? 1 : -1)
    else if (event.key === 'f' || event.key === '/') { event.preventDefault(); event.stopPropagation(); this.part('find').focus() }
    else if (event.key === 'End') this.setFollowing(true)
    else if (['Home', 'PageUp', 'ArrowUp'].includes(event.key)) this.leave()
  }

  /** To the next or previous find; as soon as there is one, where the search is still on its way. */
  step (by) {
    this.due = this.finder.busy && !this.finder.hits.length ? by : 0
    const line = this.finder.step(by, this.view.firstVisible)
    if (line >= 0) this.show(line)
    this.showFound()
  }

  show (line) {
    this.setFollowing(false)
    this.#ours = performance.now()
    this.view.toLine(line)
    this.view.renew()
    this.showJump()
  }

  showFound () {
    if (this.due && this.finder.hits.length) return this.step(this.due)
    const { words, hits, now, busy, more } = this.finder
    const of = !hits.length && !busy ? 'none' : `${hits.length}${busy ? '…' : more ? '+' : ''}`
    this.part('found').textContent = words ? (now < 0 ? of : `${now + 1}/${of}`) : ''
    this.view.renew()
  }

  showState (state, words) {
    this.state = state
    const label = this.part('state')
    label.dataset.state = state
    label.querySelector('[data-log-word]').textContent = words ? `${STATES[state]}: ${words}` : STATES[state]
    if (state !== 'done') return
    if (!this.lines.count) this.part('quiet').textContent = 'The script wrote nothing.'
    this.root.dispatchEvent(new Event('log-done', { bubbles: true }))
  }

  mark (line, extend) {
    const from = extend && this.view.marked ? Math.min(this.view.marked[0], line) : line
    const to = extend && this.view.marked ? Math.max(this.view.marked[1], line) : line
    history.replaceState(null, '', from === to ? `#L${from}` : `#L${from}-L${to}`)
    this.view.marked = [from, to]
    this.setFollowing(false)
    this.view.renew()
  }

  readHash () {
    if (this.root.dataset.logHome) return
    const match = /^#L(\d+)(?:-L?(\d+))?$/.exec(location.hash)
    if (!match) return
    const ends = [Number(match[1]), Number(match[2] ?? match[1])].sort((a, b) => a - b)
    this.view.marked = ends
    this.wanted = ends[0]
    this.setFollowing(false)
    if (this.wanted <= this.lines.count) this.showWanted()
  }

  showWanted () {
    const line = this.wanted - 1
    this.wanted = 0
    this.show(line)
  }

  // With lines marked and nothing selected, copying copies the marked lines, drawn or not.
  copied (event) {
    if (!this.view.marked || String(getSelection()) || event.target.closest?.('input, textarea')) return
    const [from, to] = this.view.marked
    const texts = Array.from({ length: to - from + 1 }, (_, at) => this.lines.text(from - 1 + at))
    event.clipboardData.setData('text/plain', `${texts.join('\n')}\n`)
    event.preventDefault()
  }
}

function start (within) {
  for (const root of within.querySelectorAll('[data-log]:not([data-log-on])')) {
    root.toggleAttribute('data-log-on', true)
    root.cowLog = new Log(root)
  }
}

start(document)
document.addEventListener('htmx:load', (event) => start(event.detail.elt.parentElement ?? document))
