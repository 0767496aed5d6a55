import { type FormEvent, useRef, useState } from 'react'
import ReCAPTCHA from 'react-google-recaptcha'
import { draw, type FormProps } from './chrome.js'
import { query, SITEKEY, signIn, tell } from './site.js'

declare global {
  interface Window {
    recaptchaOptions?: { enterprise?: boolean; useRecaptchaNet?: boolean }
  }
}

window.recaptchaOptions = { enterprise: query.has('enterprise'), useRecaptchaNet: query.has('net') }

/** `?by`: the source of its token. */
const by = query.get('by') ?? 'change'

function Form({ n }: FormProps) {
  const widget = useRef<ReCAPTCHA>(null)
  const [token, setToken] = useState<string | null>(null)

  async function submit(event: FormEvent) {
    event.preventDefault()
    const value =
      by === 'ref' ? widget.current?.getValue() : by === 'async' ? await widget.current?.executeAsync() : token
    await signIn('recaptcha', 'g-recaptcha-response', value)
  }

  return (
    <form onSubmit={submit}>
      <ReCAPTCHA
        ref={widget}
        sitekey={SITEKEY}
        size={by === 'async' ? 'invisible' : 'normal'}
        onChange={(value) => {
          tell('change', n, value)
          setToken(value)
        }}
        onExpired={query.has('expired') ? () => tell('expired', n) : undefined}
      />
      <button type="submit">Sign in</button>
      <button type="button" onClick={() => widget.current?.reset()}>
        Reset
      </button>
    </form>
  )
}

draw(Form)
