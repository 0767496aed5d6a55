import { GoogleReCaptchaProvider as ScoreProvider, useGoogleReCaptcha as useScore } from '@google-recaptcha/react'
import { GoogleReCaptchaProvider, useGoogleReCaptcha } from '@wojtekmaj/react-recaptcha-v3'
import { ReCaptchaProvider, useReCaptcha } from 'next-recaptcha-v3'
import type { ComponentType, FormEvent, ReactNode } from 'react'
import { draw, type FormProps } from './chrome.js'
import { query, SITEKEY, signIn } from './site.js'

type Execute = (action: string) => Promise<string | undefined>

/** A form that asks for a token when it is submitted. */
function SignIn({ execute }: { readonly execute: Execute | undefined }): ReactNode {
  async function submit(event: FormEvent) {
    event.preventDefault()
    await signIn('recaptcha', 'g-recaptcha-response', await execute?.('login'))
  }
  return (
    <form onSubmit={submit}>
      <button type="submit" disabled={!execute}>
        Sign in
      </button>
    </form>
  )
}

function Wojtekmaj() {
  const { executeRecaptcha } = useGoogleReCaptcha()
  return <SignIn execute={executeRecaptcha as Execute | undefined} />
}

function Next() {
  const { executeRecaptcha, loaded } = useReCaptcha()
  return <SignIn execute={loaded ? executeRecaptcha : undefined} />
}

function Google() {
  const { executeV3, isLoading } = useScore()
  return <SignIn execute={isLoading ? undefined : executeV3} />
}

const FORMS: Readonly<Record<string, ComponentType<FormProps>>> = {
  '@wojtekmaj/react-recaptcha-v3': () => (
    <GoogleReCaptchaProvider reCaptchaKey={SITEKEY}>
      <Wojtekmaj />
    </GoogleReCaptchaProvider>
  ),
  'next-recaptcha-v3': () => (
    <ReCaptchaProvider reCaptchaKey={SITEKEY}>
      <Next />
    </ReCaptchaProvider>
  ),
  '@google-recaptcha/react': () => (
    <ScoreProvider type="v3" siteKey={SITEKEY}>
      <Google />
    </ScoreProvider>
  ),
}

draw(FORMS[query.get('component') ?? ''] as ComponentType<FormProps>)
