// One dialog for every question. On a form or its button: data-confirm (the question), data-confirm-verb,
// data-confirm-detail, data-confirm-keep (the way out), and data-confirm-name where the name must be typed because nothing can undo it.
const dialog = () => document.getElementById('confirm')
const agreed = new WeakSet()

function ask (question) {
  const box = dialog()
  const part = (name) => box.querySelector(`[data-confirm-${name}]`)
  const input = box.querySelector('#confirm-name')
  box.querySelector('#confirm-title').textContent = question.confirm
  part('yes').textContent = question.confirmVerb ?? 'Go on'
  part('no').textContent = question.confirmKeep ?? 'Keep it'
  part('detail').textContent = question.confirmDetail ?? ''
  part('detail').hidden = !question.confirmDetail
  part('typed').hidden = !question.confirmName
  box.querySelector('code[data-confirm-name]').textContent = question.confirmName ?? ''
  input.value = ''
  const check = () => { part('yes').disabled = Boolean(question.confirmName) && input.value !== question.confirmName }
  input.oninput = check
  check()
  part('no').onclick = () => box.close('')
  box.returnValue = ''
  box.showModal()
  ;(question.confirmName ? input : part('no')).focus()
  return new Promise((resolve) => box.addEventListener('close', () => resolve(box.returnValue === 'yes'), { once: true }))
}

export function startConfirm () {
  window.addEventListener('submit', async (event) => {
    const form = event.target
    const button = event.submitter
    const source = [button, form].find((element) => element?.dataset.confirm)
    if (!source || agreed.delete(form)) return
    event.preventDefault()
    event.stopImmediatePropagation()
    if (!await ask(source.dataset)) return
    agreed.add(form)
    form.requestSubmit(button)
  }, { capture: true })
}
