import { FriendlyCaptchaSDK, type WidgetHandle } from '@friendlycaptcha/sdk'
import { type FormEvent, useEffect, useRef, useState } from 'react'
import { draw, type FormProps } from './chrome.js'
import { query, SITEKEY, signIn, tell } from './site.js'

const sdk = new FriendlyCaptchaSDK()
/** `?by`: the source of its token. */
const by = query.get('by') ?? 'event'

/** Version 2. */
function Form({ n }: FormProps) {
  const container = useRef<HTMLDivElement>(null)
  const widget = useRef<WidgetHandle | undefined>(undefined)
  const [token, setToken] = useState('')

  useEffect(() => {
    if (!container.current) return
    const handle = sdk.createWidget({
      element: container.current,
      sitekey: SITEKEY,
      startMode: (query.get('start') ?? 'none') as 'none' | 'auto' | 'focus',
    })
    widget.current = handle
    handle.addEventListener('frc:widget.complete', ({ detail }) => {
      tell('complete', n, detail.response)
      setToken(detail.response)
    })
    handle.addEventListener('frc:widget.expire', () => tell('expire', n))
    handle.addEventListener('frc:widget.error', ({ detail }) => tell('error', n, detail.error))
    return () => handle.destroy()
  }, [n])

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const field = String(new FormData(event.currentTarget).get('frc-captcha-response') ?? '')
    const value = by === 'field' ? field : by === 'handle' ? widget.current?.getResponse() : token
    await signIn('friendly', 'frc-captcha-response', value)
  }

  return (
    <form onSubmit={submit}>
      <input name="user" aria-label="E-mail" />
      <div ref={container} />
      <button type="submit">Sign in</button>
      <button type="button" onClick={() => widget.current?.reset()}>
        Reset
      </button>
    </form>
  )
}

draw(Form)
