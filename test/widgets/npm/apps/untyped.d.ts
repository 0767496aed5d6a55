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

declare module 'react-recaptcha' {
  import { Component } from 'react'

  /** As documented. */
  export default class Recaptcha extends Component<{
    elementID?: string
    sitekey: string
    render?: 'explicit' | 'onload'
    onloadCallback?: () => void
    verifyCallback?: (token: string) => void
    expiredCallback?: () => void
  }> {
    reset(): void
  }
}

declare module 'vue3-recaptcha2' {
  import type { Component } from 'vue'

  const component: Component
  export default component
}

declare module 'vue-recaptcha' {
  import type { Component } from 'vue'

  export const VueRecaptcha: Component
}

declare module '@nuxtjs/turnstile/runtime/components/NuxtTurnstile.vue' {
  import type { Component } from 'vue'

  const component: Component
  export default component
}

declare module '*.svelte' {
  import type { Component } from 'svelte'

  const component: Component
  export default component
}
