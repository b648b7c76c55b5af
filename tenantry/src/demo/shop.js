const claims = document.querySelector('#claims')
const answer = await fetch('/api/whoami')
claims.textContent = JSON.stringify(await answer.json(), null, 2)
