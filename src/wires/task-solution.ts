import type { ServiceTask } from '../testing/service/task-store.js'
import { jsonFields } from './wire.js'

/** The answer to a task of the task family, where each service and family has it. */
export function taskSolution({ family, fields }: ServiceTask, answer: string): Record<string, unknown> {
  switch (family) {
    case 'recaptcha':
    case 'hcaptcha':
      return { gRecaptchaResponse: answer }
    case 'geetest':
      return geetestSolution(answer)
    case 'image':
      return { text: answer }
    case 'bls':
      return { answer: meant(answer), metadata: { AnswerType: 'Grid' } }
    case 'aws-waf':
      return awsWafSolution(fields, answer)
    default:
      // CapMonster Cloud puts what it has no type of its own for one level down.
      return fields.type === 'CustomTask' ? { data: { token: answer } } : { token: answer }
  }
}

/** v3's without what the vendor puts before their names. */
function geetestSolution(answer: string): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(jsonFields(answer) ?? {}).map(([name, value]) => [name.replace(/^geetest_/, ''), value]),
  )
}

/** For each of nine pictures whether its number is in the answer, `[1,4,7]`. */
function meant(answer: string): boolean[] {
  const cells = (answer.match(/\d/g) ?? []).map(Number)
  return Array.from({ length: 9 }, (_, at) => cells.includes(at + 1))
}

function awsWafSolution(fields: ServiceTask['fields'], answer: string): Record<string, unknown> {
  if (fields.type?.startsWith('AntiAwsWafTask')) return { cookie: answer }
  return fields.cookieSolution === 'true' ? { cookies: { 'aws-waf-token': answer } } : { token: answer }
}
