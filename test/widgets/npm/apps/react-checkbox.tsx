import { GoogleReCaptchaCheckbox, GoogleReCaptchaProvider, useGoogleReCaptcha } from '@google-recaptcha/react'
import { type ComponentType, type FormEvent, type ReactNode, useCallback, useRef, useState } from 'react'
import Recaptcha from 'react-recaptcha'
import Reaptcha from 'reaptcha'
import { draw, type FormProps } from './chrome.js'
import { query, SITEKEY, signIn, tell } from './site.js'

interface WidgetProps extends FormProps {
  readonly onToken: (token: string) => void
  /** Receives what resets the widget. */
  readonly resets: { current: () => void }
}

function WithReaptcha({ n, onToken, resets }: WidgetProps) {
  const widget = useRef<Reaptcha>(null)
  resets.current = () => void widget.current?.reset()
  return <Reaptcha ref={widget} sitekey={SITEKEY} onVerify={onToken} onExpire={() => tell('expired', n)} />
}

function WithRecaptcha({ n, onToken, resets }: WidgetProps) {
  const widget = useRef<Recaptcha>(null)
  resets.current = () => widget.current?.reset()
  return (
    <Recaptcha
      ref={widget}
      elementID={`recaptcha-${n}`}
      sitekey={SITEKEY}
      render="explicit"
      onloadCallback={() => tell('loaded', n)}
      verifyCallback={onToken}
      expiredCallback={() => tell('expired', n)}
    />
  )
}

function Checkbox({ n, onToken, resets }: WidgetProps) {
  const { reset } = useGoogleReCaptcha()
  resets.current = () => reset?.()
  return <GoogleReCaptchaCheckbox id={`box-${n}`} onChange={onToken} onExpired={() => tell('expired', n)} />
}

const WithGoogle = (props: WidgetProps) => (
  <GoogleReCaptchaProvider type="v2-checkbox" siteKey={SITEKEY}>
    <Checkbox {...props} />
  </GoogleReCaptchaProvider>
)

const COMPONENTS: Readonly<Record<string, ComponentType<WidgetProps>>> = {
  reaptcha: WithReaptcha,
  'react-recaptcha': WithRecaptcha,
  '@google-recaptcha/react': WithGoogle,
}

function Form({ n }: FormProps): ReactNode {
  const [token, setToken] = useState('')
  const resets = useRef(() => {})
  const Component = COMPONENTS[query.get('component') ?? ''] as ComponentType<WidgetProps>
  async function submit(event: FormEvent) {
    event.preventDefault()
    await signIn('recaptcha', 'g-recaptcha-response', token)
  }
  // The same function each time: Google's component renders its widget again for another one.
  const onToken = useCallback(
    (response: string) => {
      tell('verified', n, response)
      setToken(response)
    },
    [n],
  )
  return (
    <form onSubmit={submit}>
      <Component n={n} resets={resets} onToken={onToken} />
      <button type="submit">Sign in</button>
      <button type="button" onClick={() => resets.current()}>
        Reset
      </button>
    </form>
  )
}

// The documentation of react-recaptcha has the page load the vendor's script.
if (query.get('component') === 'react-recaptcha') {
  const script = document.createElement('script')
  script.src = 'https://www.google.com/recaptcha/api.js?render=explicit'
  script.onload = () => draw(Form)
  document.head.append(script)
} else draw(Form)
