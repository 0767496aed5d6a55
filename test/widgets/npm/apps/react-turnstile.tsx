import { Turnstile, type TurnstileInstance } from '@marsidev/react-turnstile'
import { type FormEvent, useRef, useState } from 'react'
import { draw, type FormProps } from './chrome.js'
import { query, SITEKEY, signIn, tell } from './site.js'

/** `?by`: the source of its token. */
const by = query.get('by') ?? 'success'

function Form({ n }: FormProps) {
  const widget = useRef<TurnstileInstance>(null)
  const [token, setToken] = useState<string>()

  async function value(): Promise<string | undefined> {
    if (by === 'ref') return widget.current?.getResponse()
    if (by !== 'execute') return token
    widget.current?.execute()
    return widget.current?.getResponsePromise()
  }

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const field = by === 'field' ? String(new FormData(event.currentTarget).get('cf-turnstile-response')) : undefined
    await signIn('turnstile', 'cf-turnstile-response', field ?? (await value()))
  }

  return (
    <form onSubmit={submit}>
      <Turnstile
        ref={widget}
        id={`turnstile-${n}`}
        siteKey={SITEKEY}
        options={{ action: 'login', cData: `order-${n}`, execution: by === 'execute' ? 'execute' : 'render' }}
        onSuccess={(response) => {
          tell('success', n, response)
          setToken(response)
        }}
        onExpire={() => tell('expire', n)}
        onError={(error) => tell('error', n, error)}
      />
      <button type="submit">Sign in</button>
      <button type="button" onClick={() => widget.current?.reset()}>
        Reset
      </button>
    </form>
  )
}

draw(Form)
