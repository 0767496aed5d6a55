// What Nuxt provides as `#imports`, for the component of `@nuxtjs/turnstile`.
import { SITEKEY } from './site.js'

export { onBeforeUnmount, onMounted, ref } from 'vue'

export const useRuntimeConfig = () => ({ public: { turnstile: { siteKey: SITEKEY } } })
/** Without a trigger, the script is loaded at once. */
export const useScriptTriggerElement = () => undefined
