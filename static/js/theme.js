// Runs before the first paint, so that no page flashes in the wrong theme.
(() => {
  const root = document.documentElement
  const dark = window.matchMedia('(prefers-color-scheme: dark)')
  // As the administration's pages keep it: light, dark or auto.
  const kept = () => { try { return localStorage.getItem('theme') } catch { return null } }
  const chosen = () => (['light', 'dark'].includes(kept()) ? kept() : 'auto')
  const apply = () => {
    const theme = chosen()
    root.dataset.bsTheme = theme === 'auto' ? (dark.matches ? 'dark' : 'light') : theme
    root.dataset.themeChosen = theme
  }
  root.classList.replace('no-js', 'js')
  apply()
  dark.addEventListener('change', apply)
  window.addEventListener('storage', apply)
  window.cowTheme = { chosen, set(theme) { localStorage.setItem('theme', theme); apply() } }
})()
