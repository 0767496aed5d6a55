import HCaptcha from '@hcaptcha/react-hcaptcha'
import { type FormEvent, useRef, useState } from 'react'
import { draw, type FormProps } from './chrome.js'
import { query, SITEKEY, signIn, tell } from './site.js'

/** `?by`: the source of its token. */
const by = query.get('by') ?? 'verify'

function Form({ n }: FormProps) {
  const widget = useRef<HCaptcha>(null)
  const [token, setToken] = useState<string>()

  async function value(): Promise<string | undefined> {
    if (by === 'ref') return widget.current?.getResponse()
    if (by !== 'async') return token
    const answer = await widget.current?.execute({ async: true, rqdata: 'one-time-rqdata' })
    tell('promised', n, answer?.key)
    return answer?.response
  }

  async function submit(event: FormEvent) {
    event.preventDefault()
    await signIn('hcaptcha', 'h-captcha-response', await value())
  }

  return (
    <form onSubmit={submit}>
      <HCaptcha
        ref={widget}
        sitekey={SITEKEY}
        sentry={false}
        size={by === 'async' ? 'invisible' : 'normal'}
        onVerify={(response, key) => {
          tell('verify', n, response, key)
          setToken(response)
        }}
        onExpire={() => tell('expire', n)}
        onError={(error) => tell('error', n, error)}
      />
      <button type="submit">Sign in</button>
      <button type="button" onClick={() => widget.current?.resetCaptcha()}>
        Reset
      </button>
    </form>
  )
}

draw(Form)
