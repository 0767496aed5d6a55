import { contract } from './contract.js'
import { seleniumTool } from './selenium.js'

contract(seleniumTool({ bidi: false }))
