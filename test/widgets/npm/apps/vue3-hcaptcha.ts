import VueHcaptcha from '@hcaptcha/vue3-hcaptcha'
import { createApp, defineComponent, h, ref } from 'vue'
import { query, root, SITEKEY, signIn, tell } from './site.js'

/** `?by`: the source of its token. */
const by = query.get('by') ?? 'verify'

const Form = defineComponent({
  props: { n: { type: Number, required: true } },
  setup({ n }) {
    const widget = ref<{ executeAsync(): Promise<{ response: string }>; reset(): void }>()
    const token = ref('')
    async function submit(event: Event) {
      event.preventDefault()
      const value = by === 'async' ? (await widget.value?.executeAsync())?.response : token.value
      await signIn('hcaptcha', 'h-captcha-response', value)
    }
    return () =>
      h('form', { onSubmit: submit }, [
        h(VueHcaptcha as never, {
          ref: widget,
          sitekey: SITEKEY,
          sentry: false,
          rqdata: query.get('rqdata') ?? undefined,
          size: by === 'async' ? 'invisible' : undefined,
          onVerify(response: string, key: string) {
            tell('verify', n, response, key)
            token.value = response
          },
          onExpired: () => tell('expired', n),
          onError: (error: unknown) => tell('error', n, error),
        }),
        h('button', { type: 'submit' }, 'Sign in'),
        h('button', { type: 'button', onClick: () => widget.value?.reset() }, 'Reset'),
      ])
  },
})

const forms = Array.from({ length: Number(query.get('many') ?? 1) }, (_, n) => n)

createApp(
  defineComponent(() => {
    const shown = ref(!query.has('late'))
    const toggle = () => {
      shown.value = !shown.value
    }
    return () => [
      h('button', { id: 'toggle', onClick: toggle }, 'Form'),
      shown.value ? forms.map((n) => h(Form, { key: n, n })) : [],
    ]
  }),
).mount(root())
