import type { DrillSeams } from '../stage.js'
import { brokerStolenToken, brokerWidenedToken } from './broker.js'
import { forgedCallback } from './callback.js'
import { afterHours, auditDown, hostilePage, ledgerDown, oldKey, secretDown, wrongAddress } from './layers.js'
import { roundRegister } from './register.js'
import type { Scenario } from './scenario.js'
import { fullSpeed, leakedKey, normal } from './spending.js'
import { stolenToken } from './tokens.js'

/** The scenarios, in the order of the matrix. */
export function scenarios({ registerFile }: DrillSeams): readonly Scenario[] {
  return [
    normal,
    leakedKey,
    fullSpeed,
    oldKey,
    afterHours,
    wrongAddress,
    stolenToken,
    hostilePage,
    secretDown,
    ledgerDown,
    auditDown,
    brokerStolenToken,
    brokerWidenedToken,
    forgedCallback,
    roundRegister(registerFile),
  ]
}
