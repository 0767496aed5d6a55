import NuxtTurnstile from '@nuxtjs/turnstile/runtime/components/NuxtTurnstile.vue'
import { type Component, defineComponent, h, ref } from 'vue'
import { VueRecaptcha } from 'vue-recaptcha'
import VueTurnstile from 'vue-turnstile'
import vueRecaptcha from 'vue3-recaptcha2'
import { query, SITEKEY, signIn, tell } from './site.js'
import { draw, formProps } from './vue-chrome.js'

interface Row {
  readonly component: unknown
  readonly family: string
  readonly field: string
  /** Its properties and listeners. */
  readonly props: (onToken: (token: string) => void, onExpired: () => void) => Record<string, unknown>
}

const RECAPTCHA = { family: 'recaptcha', field: 'g-recaptcha-response' }

const COMPONENTS: Readonly<Record<string, Row>> = {
  'vue-recaptcha': {
    component: VueRecaptcha,
    ...RECAPTCHA,
    props: (onVerify, onExpired) => ({ sitekey: SITEKEY, loadRecaptchaScript: true, onVerify, onExpired }),
  },
  'vue3-recaptcha2': {
    component: vueRecaptcha,
    ...RECAPTCHA,
    props: (onVerify, onExpire) => ({ sitekey: SITEKEY, onVerify, onExpire }),
  },
  'vue-turnstile': {
    component: VueTurnstile,
    family: 'turnstile',
    field: 'cf-turnstile-response',
    props: (onToken) => ({ siteKey: SITEKEY, action: 'login', modelValue: '', 'onUpdate:modelValue': onToken }),
  },
  '@nuxtjs/turnstile': {
    component: NuxtTurnstile,
    family: 'turnstile',
    field: 'cf-turnstile-response',
    props: (onToken) => ({ modelValue: '', 'onUpdate:modelValue': onToken }),
  },
}

const { component, family, field, props } = COMPONENTS[query.get('component') ?? ''] as Row

const Form = defineComponent({
  props: formProps,
  setup({ n }) {
    const widget = ref<{ reset(): void }>()
    const token = ref('')
    const onToken = (response: string) => {
      if (response) tell('verified', n, response)
      token.value = response
    }
    function submit(event: Event) {
      event.preventDefault()
      return signIn(family, field, token.value)
    }
    return () =>
      h('form', { onSubmit: submit }, [
        h(component as Component, { ref: widget, ...props(onToken, () => tell('expired', n)) }),
        h('button', { type: 'submit' }, 'Sign in'),
        h('button', { type: 'button', onClick: () => widget.value?.reset() }, 'Reset'),
      ])
  },
})

draw(Form)
