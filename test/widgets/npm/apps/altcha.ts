import 'altcha'
