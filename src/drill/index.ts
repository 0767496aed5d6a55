export { type DrillOptions, runDrill } from './run.js'
export {
  type AtMost,
  DRILL_ROWS,
  type DrillAnswer,
  type DrillReport,
  type DrillRow,
  type DrillRowId,
  type DrillState,
} from './types.js'
