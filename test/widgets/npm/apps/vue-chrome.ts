import { type Component, createApp, defineComponent, h, type Plugin, ref } from 'vue'
import { query, root } from './site.js'

/** What each form receives: its number on the page. */
export const formProps = { n: { type: Number, required: true } } as const

/** Renders an app of one or several forms, as `draw` of `chrome.tsx` does for React. */
export function draw(Form: Component, ...plugins: (readonly [Plugin, object])[]): void {
  const forms = Array.from({ length: Number(query.get('many') ?? 1) }, (_, n) => n)
  const app = createApp(
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
  )
  for (const [plugin, options] of plugins) app.use(plugin, options)
  app.mount(root())
}
