import { parseObject, type SolvedTask } from './wire.js'

/** The `solution` object of a solved task: each family, and some services, have names of their own in it. */
export function taskSolution({ family, fields }: SolvedTask, answer: string): Record<string, unknown> {
  switch (family) {
    case 'recaptcha':
    case 'hcaptcha':
      return { gRecaptchaResponse: answer }
    case 'geetest':
      return geetestSolution(answer)
    case 'image':
      return { text: answer }
    case 'bls':
      return { answer: selectedCells(answer), metadata: { AnswerType: 'Grid' } }
    case 'aws-waf':
      return awsWafSolution(fields, answer)
    default:
      // CapMonster Cloud nests the answer of families that it has no task type for.
      return fields.type === 'CustomTask' ? { data: { token: answer } } : { token: answer }
  }
}

/** GeeTest v3's values, without the `geetest_` that the vendor's names begin with. */
function geetestSolution(answer: string): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(parseObject(answer) ?? {}).map(([name, value]) => [name.replace(/^geetest_/, ''), value]),
  )
}

/** For each of the nine pictures, whether its number is in the answer, such as `[1,4,7]`. */
function selectedCells(answer: string): boolean[] {
  const cells = (answer.match(/\d/g) ?? []).map(Number)
  return Array.from({ length: 9 }, (_, at) => cells.includes(at + 1))
}

function awsWafSolution(fields: SolvedTask['fields'], answer: string): Record<string, unknown> {
  if (fields.type?.startsWith('AntiAwsWafTask')) return { cookie: answer }
  return fields.cookieSolution === 'true' ? { cookies: { 'aws-waf-token': answer } } : { token: answer }
}
