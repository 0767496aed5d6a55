import 'vitest'

declare module 'vitest' {
  interface ProvidedContext {
    /** What each test of the first run took, in ms, by the test's id. Undefined in the first run. */
    durations: Readonly<Record<string, number>> | undefined
  }
}
