// What `@nuxt/scripts` provides as `#nuxt-scripts/utils`: each script is loaded once, however many components use it.

interface ScriptOptions<Api> {
  readonly scriptInput: { readonly src: string }
  readonly scriptOptions: { use(): Api }
}

const scripts = new Map<string, Promise<void>>()

function load(src: string): Promise<void> {
  const known = scripts.get(src)
  if (known) return known
  const loading = new Promise<void>((resolve) => {
    const script = document.createElement('script')
    script.src = src
    script.async = true
    script.defer = true
    script.onload = () => resolve()
    document.head.append(script)
  })
  scripts.set(src, loading)
  return loading
}

export function useRegistryScript<Api>(_: string, options: () => ScriptOptions<Api>) {
  const { scriptInput, scriptOptions } = options()
  const loaded = load(scriptInput.src)
  return { onLoaded: (run: (api: Api) => void) => void loaded.then(() => run(scriptOptions.use())) }
}
