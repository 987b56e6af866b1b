# What may be shown of DB_PARAMS: the names, and how TLS is asked for. Any other value may be a password.
shown='' rest=${params#\?}\&
while [ -n "$rest" ]; do
    pair=${rest%%\&*} rest=${rest#*\&}
    case $(printf '%s' "${pair%%=*}" | tr '[:upper:]' '[:lower:]') in
    "") continue ;;
    sslmode | usessl | requiressl | ssl) ;;
    *) pair=${pair%%=*} ;;
    esac
    shown=$shown${shown:+\&}$pair
done
params=$shown
