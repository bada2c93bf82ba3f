// Keeps the serial console's tail fresh while it is looked at. Text only: a guest's words are never HTML.
const INTERVAL_MS = 1500
const screen = document.querySelector('[data-console]')

async function refresh () {
  if (document.hidden || !screen.isConnected) return
  const answer = await fetch(screen.dataset.console).catch(() => null)
  if (!answer?.ok || answer.redirected) return
  const text = await answer.text()
  if (!text || text === screen.textContent) return
  const atEnd = screen.scrollTop + screen.clientHeight >= screen.scrollHeight - 24
  screen.textContent = text
  if (atEnd) screen.scrollTop = screen.scrollHeight
}

screen.scrollTop = screen.scrollHeight
setInterval(refresh, INTERVAL_MS)
