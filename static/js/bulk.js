// Selecting many: [data-bulk] boxes, [data-bulk-all] in the head, the bar #bulk-bar with its count.
const boxes = () => [...document.querySelectorAll('[data-bulk]')]
const chosen = () => boxes().filter((box) => box.checked)

function show () {
  const bar = document.getElementById('bulk-bar')
  if (!bar) return
  const picked = chosen()
  bar.hidden = !picked.length
  bar.querySelector('[data-bulk-count]').textContent = `${picked.length} selected`
  const names = picked.map((box) => box.value)
  for (const button of bar.querySelectorAll('[data-bulk-question]')) {
    button.dataset.confirm = button.dataset.bulkQuestion.replace('{n}', names.length === 1 ? names[0] : `${names.length} clones`)
    button.dataset.confirmDetail = names.length > 1 ? `${names.slice(0, 8).join(', ')}${names.length > 8 ? ` and ${names.length - 8} more` : ''}` : ''
  }
  const all = document.querySelector('[data-bulk-all]')
  if (all) {
    all.checked = picked.length > 0 && picked.length === boxes().length
    all.indeterminate = picked.length > 0 && !all.checked
  }
}

export function startBulk () {
  document.addEventListener('change', (event) => {
    if (event.target.matches('[data-bulk-all]')) boxes().forEach((box) => { box.checked = event.target.checked })
    if (event.target.matches('[data-bulk], [data-bulk-all]')) show()
  })
  document.addEventListener('click', (event) => {
    if (!event.target.closest('[data-bulk-clear]')) return
    boxes().forEach((box) => { box.checked = false })
    show()
  })
  document.addEventListener('live:merged', show)
  show()
}
