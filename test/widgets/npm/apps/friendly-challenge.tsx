import { WidgetInstance } from 'friendly-challenge'
import { type FormEvent, useEffect, useRef, useState } from 'react'
import { draw, type FormProps } from './chrome.js'
import { query, SITEKEY, signIn, tell } from './site.js'

/** Version 1, as in its documentation for React. */
function Form({ n }: FormProps) {
  const container = useRef<HTMLDivElement>(null)
  const widget = useRef<WidgetInstance | undefined>(undefined)
  const [token, setToken] = useState('')

  useEffect(() => {
    if (!container.current) return
    // Its `destroy` removes the element, which is React's: so it is reset, and kept for the same element.
    widget.current ??= new WidgetInstance(container.current, {
      sitekey: SITEKEY,
      startMode: (query.get('start') ?? 'none') as 'none' | 'auto' | 'focus',
      doneCallback(solution) {
        tell('done', n, solution)
        setToken(solution)
      },
      errorCallback: (error) => tell('error', n, String(error?.error ?? error)),
    })
    return () => widget.current?.reset()
  }, [n])

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const field = String(new FormData(event.currentTarget).get('frc-captcha-solution') ?? '')
    await signIn('friendly', 'frc-captcha-solution', query.get('by') === 'field' ? field : token)
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
