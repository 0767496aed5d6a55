import { callbackHandler } from '../../guard/callback-handler.js'
import { NOTHING } from '../bounds.js'
import { DrillFailure } from '../stage.js'
import type { Scenario } from './scenario.js'

const FORGED = 'an-answer-that-the-attacker-chose'
/** The form of an address, and no guard's. */
const MADE_UP = 'A'.repeat(48)

/** A call-back that no service has made. */
export const forgedCallback: Scenario = {
  id: 'broker-forged-callback',
  scenario: 'broker: a forged call-back',
  expected: 'a hint at most: the answer is asked of the service',
  stage: () => ({ callbacks: true }),
  async run(stage, answers) {
    const { service } = stage
    const takes = callbackHandler(stage.guard)
    const forge = (address: string) =>
      takes(new Request(`${address}?id=1&code=${FORGED}`, { method: 'POST', body: `id=1&code=${FORGED}` }))
    const polls = () => service.requests.filter(({ endpoint }) => endpoint === 'res').length
    const solving = stage.solve()
    solving.catch(() => {})
    if (!(await stage.until(() => stage.tasks > 0))) await solving
    const sent = service.requests.find(({ endpoint }) => endpoint === 'in')?.fields
    const address = sent?.pingback ?? sent?.callbackUrl
    if (address === undefined) {
      if (stage.setup.accounts[0].solver.callbackField) throw new DrillFailure('the submit named no address to call')
      return { atMost: NOTHING, detail: 'the service of this guard makes no call-backs, so none is taken' }
    }
    const { origin, pathname } = new URL(address)
    const before = polls()
    forge(`${origin}${pathname.slice(0, pathname.lastIndexOf('/'))}/${MADE_UP}`)
    await stage.clock.advance(0)
    if (polls() > before) throw new DrillFailure('a call-back to an address that was never given out was believed')
    forge(address)
    const { token } = await solving
    if (token === FORGED) throw new DrillFailure('the answer in a forged call-back was taken')
    if (token !== service.tasks[0]?.answer) throw new DrillFailure('the answer is not the one of the service')
    forge(address)
    answers.add({ code: 'ignored', message: 'what a call-back says is thrown away unread' })
    return {
      atMost: NOTHING,
      detail: 'an address never given out is ignored; a call to the right one ends a wait, and its answer is not read',
    }
  },
}
