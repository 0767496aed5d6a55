import { defineComponent, h } from 'vue'
import { useReCaptcha as recaptchaOfApp, VueReCaptcha } from 'vue-recaptcha-v3'
import { SITEKEY, signIn } from './site.js'
import { draw, formProps } from './vue-chrome.js'

const Form = defineComponent({
  props: formProps,
  setup() {
    const recaptcha = recaptchaOfApp()
    async function submit(event: Event) {
      event.preventDefault()
      await recaptcha?.recaptchaLoaded()
      await signIn('recaptcha', 'g-recaptcha-response', await recaptcha?.executeRecaptcha('login'))
    }
    return () => h('form', { onSubmit: submit }, [h('button', { type: 'submit' }, 'Sign in')])
  },
})

draw(Form, [VueReCaptcha, { siteKey: SITEKEY, loaderOptions: {} }])
