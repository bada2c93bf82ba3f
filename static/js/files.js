// Sends files with their progress; a folder's files go with their paths, which a browser leaves out of the form.
const form = document.querySelector('[data-files]')

form?.addEventListener('submit', (event) => {
  event.preventDefault()
  const folder = form.querySelector('[data-files-folder]')
  const bar = form.querySelector('[data-files-bar]')
  const body = new FormData(form)
  if (folder.files.length) {
    body.delete('files')
    for (const file of folder.files) {
      body.append('files', file)
      body.append('paths', file.webkitRelativePath || file.name)
    }
  }
  const request = new XMLHttpRequest()
  request.upload.addEventListener('progress', (sent) => {
    bar.hidden = false
    bar.value = sent.lengthComputable ? 100 * sent.loaded / sent.total : 0
  })
  request.addEventListener('loadend', () => { location.reload() })
  request.open('POST', form.action)
  request.send(body)
})
