// The end of each family's script.
import { stopHidingChallenges } from '../page-kit/challenge-popup.js'
import { cancelTimers } from '../page-kit/expiry.js'
import type { PageFamily } from '../page-kit/family.js'
import { removeOverrides } from '../page-kit/method-override.js'
import { stopListening } from '../page-kit/proof-of-work.js'
import { KEY } from './install.js'
import type { ExtensibleMain } from './main.js'

/** Adds a family to the core script of this window, unless it has that family. Does nothing without a core script. */
export function addFamily(name: string, family: PageFamily): void {
  const observer = window[KEY]
  const main = observer?.main as ExtensibleMain | undefined
  main?.add(name, family, () => {
    const { p } = observer as NonNullable<typeof observer>
    cancelTimers({ p })
    stopHidingChallenges({ p })
    stopListening({ p })
    removeOverrides()
  })
}
