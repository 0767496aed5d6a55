import { type FormEvent, useCallback } from 'react'
import { GoogleReCaptchaProvider, useGoogleReCaptcha } from 'react-google-recaptcha-v3'
import { draw } from './chrome.js'
import { query, SITEKEY, signIn } from './site.js'

function SignIn() {
  const { executeRecaptcha } = useGoogleReCaptcha()
  const submit = useCallback(
    async (event: FormEvent) => {
      event.preventDefault()
      await signIn('recaptcha', 'g-recaptcha-response', await executeRecaptcha?.('login'))
    },
    [executeRecaptcha],
  )
  return (
    <form onSubmit={submit}>
      <button type="submit" disabled={!executeRecaptcha}>
        Sign in
      </button>
    </form>
  )
}

const Form = () => (
  <GoogleReCaptchaProvider reCaptchaKey={SITEKEY} useEnterprise={query.has('enterprise')}>
    <SignIn />
  </GoogleReCaptchaProvider>
)

draw(Form)
