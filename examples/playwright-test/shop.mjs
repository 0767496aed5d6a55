// Your own application, with the vendor's addresses in its pages. Its server verifies each token.
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'

const {
  PORT,
  RECAPTCHA_VERIFY_URL = 'https://www.google.com/recaptcha/api/siteverify',
  RECAPTCHA_SECRET = '',
} = process.env

const LOGIN = `<!doctype html><title>Shop</title>
<script src="https://www.google.com/recaptcha/api.js" async defer></script>
<form method="post" action="/login">
<div class="g-recaptcha" data-sitekey="6LcOfTheShop-0000000000000000000000000000"></div>
<button>Sign in</button></form>`

async function signIn(request) {
  const response = new URLSearchParams(await text(request)).get('g-recaptcha-response') ?? ''
  const body = new URLSearchParams({ secret: RECAPTCHA_SECRET, response })
  const { success, hostname } = await (await fetch(RECAPTCHA_VERIFY_URL, { method: 'POST', body })).json()
  return success ? `<h1>Welcome from ${hostname}</h1>` : '<h1>Go away</h1>'
}

createServer(async (request, response) => {
  response.setHeader('content-type', 'text/html')
  response.end(request.method === 'POST' ? await signIn(request) : LOGIN)
}).listen(Number(PORT), '127.0.0.1')
