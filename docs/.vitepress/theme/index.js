// System fonts: nothing is fetched to draw text.
import Theme from 'vitepress/theme-without-fonts'
import { h } from 'vue'
import Commands from './Commands.vue'
import Picture from './Picture.vue'
import './style.css'

export default {
  extends: Theme,
  Layout: () =>
    h(Theme.Layout, null, { 'home-hero-info-after': () => h(Commands), 'home-hero-image': () => h(Picture) }),
  enhanceApp() {
    if (import.meta.env.SSR) return
    // The index of the search, as soon as there is nothing else to do: it works without a network from then on.
    const whenIdle = window.requestIdleCallback ?? setTimeout
    whenIdle(async () => {
      const [{ default: index }] = await Promise.all([
        import('@localSearchIndex'),
        import('vitepress/dist/client/theme-default/components/VPLocalSearchBox.vue'),
      ])
      await index.root?.()
      document.documentElement.dataset.search = 'ready'
    })
  },
}
