import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'
import type { WidgetFamily } from '../../src/base/challenge.js'
import { type ManualClock, manualClock } from '../../src/testing/clock.js'
import { type SiteVendor, type StandInSite, startSite } from '../../src/testing/site/index.js'
import type { Seller } from '../adapters/fake-grant.js'
import { eventually } from '../adapters/tool.js'

/** A vendor's stand-in, as the tests of its widgets need it. */
export interface Vendor extends SiteVendor, Seller {
  setBehavior(sitekey: string, behavior: object): void
  close(): Promise<void>
}

/** What the tests of a file share: one vendor and site, and for each test a browser context. */
export interface VendorStage<V, C> {
  readonly vendor: V
  readonly site: StandInSite
  readonly sitekey: string
  readonly context: C
}

export interface StageSetting<V, C> {
  readonly family: WidgetFamily
  /** Starts the vendor's stand-in. */
  start(): Promise<V>
  /** The site's further pages and scripts. */
  pages(): Promise<Readonly<Record<string, string>>>
  /** Opens a context of its own for a test. */
  open(vendor: V): Promise<C>
}

export type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** Sets the stage, before the tests and before each of them, and clears it. */
export function setStage<V extends Vendor, C extends { close(): Promise<unknown> }>(
  at: Mutable<VendorStage<V, C>>,
  { family, start, pages, open }: StageSetting<V, C>,
): void {
  beforeAll(async () => {
    at.vendor = await start()
    at.site = await startSite({ [family]: at.vendor, pages: await pages() })
    at.sitekey = at.site.sitekeys[family]
  })
  afterAll(async () => {
    await at.site?.close()
    await at.vendor?.close()
  })
  beforeEach(async () => {
    at.context = await open(at.vendor)
  })
  afterEach(async () => {
    at.vendor.setBehavior(at.sitekey, {})
    await at.context.close()
  })
}

/** A clock that knows for how long each of its timers that are set will run. */
export interface TimedClock extends ManualClock {
  /** In ms. */
  readonly lengths: readonly number[]
}

export function timedClock(): TimedClock {
  const clock = manualClock(Date.now())
  const lengths: number[] = []
  return {
    ...clock,
    get waiting() {
      return clock.waiting
    },
    lengths,
    after(ms, callback) {
      const end = () => {
        const at = lengths.indexOf(ms)
        if (at >= 0) lengths.splice(at, 1)
      }
      lengths.push(ms)
      const cancel = clock.after(ms, () => {
        end()
        callback()
      })
      return () => {
        end()
        cancel()
      }
    },
  }
}

/**
 * Waits until a solve waits for the grace of its widget, so that its scan has ended. A scan sets timers too, which a
 * slow page leaves set for long: the grace is recognized by its length.
 */
export async function inGrace(clock: TimedClock, graceMs = 3_000): Promise<void> {
  await eventually(() => clock.lengths.includes(graceMs))
}
