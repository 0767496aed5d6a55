import { load } from 'recaptcha-v3'
import { query, root, SITEKEY, signIn } from './site.js'

const button = document.createElement('button')
button.textContent = 'Sign in'
// With `badge`, the package renders the badge into the page, as Google documents it for one in a place of its own.
const options = query.has('inline') ? { explicitRenderParameters: { badge: 'inline' as const, container: root() } } : {}
button.onclick = async () => {
  const recaptcha = await load(SITEKEY, options)
  await signIn('recaptcha', 'g-recaptcha-response', await recaptcha.execute('login'))
}
root().after(button)
