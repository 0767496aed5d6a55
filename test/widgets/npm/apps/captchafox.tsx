import { CAPTCHA_RESPONSE_KEY, CaptchaFox, type CaptchaFoxInstance } from '@captchafox/react'
import { type FormEvent, useRef, useState } from 'react'
import { draw, type FormProps } from './chrome.js'
import { query, SITEKEY, signIn, tell } from './site.js'

/** `?hidden`: without a box, executed when the form is submitted. */
const hidden = query.has('hidden')

function Form({ n }: FormProps) {
  const widget = useRef<CaptchaFoxInstance>(null)
  const [token, setToken] = useState('')
  async function submit(event: FormEvent) {
    event.preventDefault()
    await signIn('captchafox', CAPTCHA_RESPONSE_KEY, hidden ? await widget.current?.execute() : token)
  }
  return (
    <form onSubmit={submit}>
      <CaptchaFox
        ref={widget}
        sitekey={SITEKEY}
        mode={hidden ? 'hidden' : 'inline'}
        onLoad={() => tell('loaded', n)}
        onVerify={(response) => {
          tell('verified', n, response)
          setToken(response)
        }}
        onExpire={() => tell('expired', n)}
      />
      <button type="submit">Sign in</button>
      <button type="button" onClick={() => widget.current?.reset()}>
        Reset
      </button>
    </form>
  )
}

draw(Form)
