// Passkeys: a form with data-passkey="create" or "get" fetches its challenge, asks the device, and is sent with
// what the device answered. Without a device that can, the form says so and nothing is sent.
const bytes = (text) => Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0))
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
  .replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
const known = (list = []) => list.map((one) => ({ ...one, id: bytes(one.id) }))

function asked ({ publicKey }) {
  const options = { ...publicKey, challenge: bytes(publicKey.challenge) }
  if (options.user) options.user = { ...options.user, id: bytes(options.user.id) }
  if (options.excludeCredentials) options.excludeCredentials = known(options.excludeCredentials)
  if (options.allowCredentials) options.allowCredentials = known(options.allowCredentials)
  return { publicKey: options }
}

function answered ({ id, rawId, type, response }) {
  const parts = ['clientDataJSON', 'attestationObject', 'authenticatorData', 'signature', 'userHandle']
  const given = parts.filter((part) => response[part]).map((part) => [part, text(response[part])])
  return JSON.stringify({ id, rawId: text(rawId), type, response: Object.fromEntries(given), clientExtensionResults: {} })
}

async function challenge (form) {
  const answer = await fetch(form.dataset.passkeyOptions, { method: 'POST', body: new FormData(form) })
  const options = await answer.json()
  if (options.error) throw new Error(options.error)
  return options
}

async function prove (form) {
  if (!window.PublicKeyCredential) throw new Error('This browser keeps passkeys only over HTTPS or on localhost')
  const options = await challenge(form)
  if (options.go) return location.assign(options.go)
  const ask = form.dataset.passkey === 'create' ? 'create' : 'get'
  form.elements.credential.value = answered(await navigator.credentials[ask](asked(options)))
  form.submit()
}

function said (error) {
  if (error.name === 'NotAllowedError') return 'Nothing was chosen, or it took too long. Try again.'
  if (error.name === 'InvalidStateError') return 'This device has a passkey for you already.'
  return error.message
}

for (const form of document.querySelectorAll('form[data-passkey]')) {
  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    const words = form.querySelector('[data-passkey-words]')
    words.hidden = true
    try {
      await prove(form)
    } catch (error) {
      words.textContent = said(error)
      words.hidden = false
    }
  })
  // they were about to, and were asked who they are first
  if ('passkeyNow' in form.dataset) form.requestSubmit()
}
