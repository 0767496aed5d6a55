import { InvisibleSmartCaptcha, SmartCaptcha } from '@yandex/smart-captcha'
import { type FormEvent, useState } from 'react'
import { draw, type FormProps } from './chrome.js'
import { query, SITEKEY, signIn, tell } from './site.js'

/** `?invisible`: executed when the form is submitted. */
const invisible = query.has('invisible')

function Form({ n }: FormProps) {
  const [token, setToken] = useState('')
  const [executed, execute] = useState(false)
  // The component has no method that resets it: a new key renders it again.
  const [key, setKey] = useState(0)
  async function submit(event: FormEvent) {
    event.preventDefault()
    if (invisible) execute(true)
    else await signIn('yandex', 'smart-token', token)
  }
  function onSuccess(response: string) {
    tell('verified', n, response)
    setToken(response)
    if (invisible) void signIn('yandex', 'smart-token', response)
  }
  return (
    <form onSubmit={submit}>
      {invisible ? (
        <InvisibleSmartCaptcha sitekey={SITEKEY} visible={executed} onSuccess={onSuccess} />
      ) : (
        <SmartCaptcha key={key} sitekey={SITEKEY} onSuccess={onSuccess} onTokenExpired={() => tell('expired', n)} />
      )}
      <button type="submit">Sign in</button>
      <button type="button" onClick={() => setKey(key + 1)}>
        Reset
      </button>
    </form>
  )
}

draw(Form)
