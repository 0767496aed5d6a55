declare module 'react-google-recaptcha' {
  import { Component } from 'react'

  /** As documented. */
  export default class ReCAPTCHA extends Component<{
    sitekey: string
    size?: 'normal' | 'compact' | 'invisible' | undefined
    onChange?: ((token: string | null) => void) | undefined
    onExpired?: (() => void) | undefined
    onErrored?: (() => void) | undefined
  }> {
    getValue(): string | null
    execute(): void
    executeAsync(): Promise<string | null>
    reset(): void
  }
}
