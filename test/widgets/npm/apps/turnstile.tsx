import { type FormEvent, useRef, useState } from 'react'
import { type BoundTurnstileObject, Turnstile } from 'react-turnstile'
import { draw, type FormProps } from './chrome.js'
import { SITEKEY, signIn, tell } from './site.js'

function Form({ n }: FormProps) {
  const widget = useRef<BoundTurnstileObject>(undefined)
  const [token, setToken] = useState('')
  async function submit(event: FormEvent) {
    event.preventDefault()
    await signIn('turnstile', 'cf-turnstile-response', token)
  }
  return (
    <form onSubmit={submit}>
      <Turnstile
        sitekey={SITEKEY}
        action="login"
        onLoad={(_, bound) => {
          widget.current = bound
        }}
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
