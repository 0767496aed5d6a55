import { hCaptchaLoader } from '@hcaptcha/loader'
import { root, SITEKEY, signIn, tell } from './site.js'

/** What the vendor's script makes. */
interface Hcaptcha {
  render(element: HTMLElement, parameters: object): string
  reset(id: string): void
}

const form = document.createElement('form')
form.innerHTML = '<div></div><button type="submit">Sign in</button><button type="button">Reset</button>'
root().append(form)
let token = ''
form.onsubmit = (event) => {
  event.preventDefault()
  void signIn('hcaptcha', 'h-captcha-response', token)
}

hCaptchaLoader({ sentry: false }).then((hcaptcha: Hcaptcha) => {
  const id = hcaptcha.render(form.firstElementChild as HTMLElement, {
    sitekey: SITEKEY,
    callback(response: string) {
      tell('verified', 0, response)
      token = response
    },
    'expired-callback': () => tell('expired', 0),
  })
  const [, reset] = form.querySelectorAll('button')
  if (reset) reset.onclick = () => hcaptcha.reset(id)
})
